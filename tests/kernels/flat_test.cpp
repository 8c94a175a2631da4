// Arithmetic on flat gradients against LibTorch's, and the same bits for any number of threads.
#include "kernels/flat.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace strata::kernels {
namespace {

TEST(Flat, AccumulatesAnyFloatType) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = at::randn({7, 1001}).to(dtype), before = at::randn({7007});
    at::Tensor sum = before.clone();
    accumulate(sum, x, /*overwrite=*/false);
    EXPECT_TRUE(at::equal(sum, before + x.to(at::kFloat).flatten()));
    sum.fill_(std::numeric_limits<float>::quiet_NaN());
    accumulate(sum, x, /*overwrite=*/true);
    EXPECT_TRUE(at::equal(sum, x.to(at::kFloat).flatten())) << "what was there does not count";
  }
}

TEST(Flat, AddsATransposedTensorInItsOwnOrder) {
  const at::Tensor x = at::randn({5, 3});
  at::Tensor sum = at::zeros({15});
  accumulate(sum, x.t(), false);
  EXPECT_TRUE(at::equal(sum.view({3, 5}), x.t()));
}

/// In order and by rows, whatever the threads do; equal ids meet often.
TEST(Flat, AddsRowsInTheOrderOfTheIds) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (int64_t width : {1, 17, 130}) {
      const at::Tensor grad = at::randn({600, width}).to(dtype);
      const at::Tensor ids = at::randint(-1, 9, {600}, at::kLong);
      at::Tensor expected = at::zeros({9, width});
      for (int64_t i = 0; i < 600; ++i) {
        const auto id = ids.select(0, i).item<int64_t>();
        if (id >= 0) expected.select(0, id).add_(grad.select(0, i).to(at::kFloat));
      }
      for (int threads : {1, 2}) {
        at::set_num_threads(threads);
        at::Tensor table = at::zeros({9, width});
        add_rows(table, grad, ids);
        EXPECT_TRUE(at::equal(table, expected)) << width << " columns, " << threads << " threads";
      }
    }
  }
}

TEST(Flat, SumsSquaresWithTheSameBitsOnAnyNumberOfThreads) {
  for (int64_t count : {0, 1, 100, 16384, 100003}) {
    const at::Tensor x = at::randn({count});
    at::set_num_threads(1);
    const double one = sum_of_squares(x);
    at::set_num_threads(2);
    EXPECT_EQ(sum_of_squares(x), one);
    const double expected = x.to(at::kDouble).square().sum().item<double>();
    EXPECT_NEAR(one, expected, 1e-12 * expected);
  }
}

TEST(Flat, TheSumOfSquaresIsFiniteExactlyWhereAllElementsAre) {
  at::Tensor x = at::full({100000}, std::numeric_limits<float>::max());
  EXPECT_TRUE(std::isfinite(sum_of_squares(x)));
  for (float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    x.select(0, 77777).fill_(bad);
    EXPECT_FALSE(std::isfinite(sum_of_squares(x)));
  }
}

}  // namespace
}  // namespace strata::kernels
