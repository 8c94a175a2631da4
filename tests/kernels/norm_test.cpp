// The norms against their formulas in double precision under autograd.
#include "kernels/norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/add.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>

#include <tuple>

#include "tests/kernels/tensors.h"

namespace strata::kernels {
namespace {

using strata::testing::double_leaf;
using strata::testing::expect_close;
using strata::testing::normal;
using strata::testing::tolerance_of;

constexpr double kEps = 1e-5;

at::Tensor plain_norm(NormKind kind, const at::Tensor& x, const at::Tensor& weight,
                      const at::Tensor& bias) {
  if (kind == NormKind::kLayer) return at::layer_norm(x, {x.size(1)}, weight, bias, kEps);
  return x.mul(x.mul(x).mean(-1, true).add(kEps).rsqrt()).mul(weight);
}

class NormTest
    : public ::testing::TestWithParam<std::tuple<NormKind, at::ScalarType, bool, int64_t>> {};

TEST_P(NormTest, LikeTheFormula) {
  const auto [kind, dtype, with_delta, width] = GetParam();
  const int64_t rows = 133;
  const at::Tensor x = normal({rows, width}, "x", 2.0).to(dtype);
  const at::Tensor delta = with_delta ? normal({rows, width}, "delta").to(dtype) : at::Tensor();
  const at::Tensor weight = normal({width}, "weight").to(dtype);
  const at::Tensor bias =
      kind == NormKind::kLayer ? normal({width}, "bias").to(dtype) : at::Tensor();
  const at::Tensor grad_y = normal({rows, width}, "gy").to(dtype);
  const at::Tensor grad_residual =
      with_delta ? normal({rows, width}, "gr").to(dtype) : at::Tensor();

  const NormForward forward = norm_forward(kind, x, delta, weight, bias, kEps);
  const NormBackward backward = norm_backward(kind, grad_y, grad_residual, forward, weight, true);

  // The reference norms the residual as it was stored.
  const at::Tensor residual = double_leaf(forward.residual_nd), plain_weight = double_leaf(weight);
  const at::Tensor plain_bias = bias.defined() ? double_leaf(bias) : at::Tensor();
  const at::Tensor y = plain_norm(kind, residual, plain_weight, plain_bias);
  y.backward(grad_y.to(at::kDouble));
  at::Tensor grad = residual.grad();
  if (with_delta) {
    grad = grad.add(grad_residual);
    expect_close(forward.residual_nd, at::add(x.to(at::kDouble), delta), tolerance_of(dtype));
  }
  expect_close(forward.y_nd, y, tolerance_of(dtype), "y");
  expect_close(backward.grad_residual_nd, grad, tolerance_of(dtype), "grad residual");
  expect_close(backward.grad_weight_d, plain_weight.grad(), 1e-5, "grad weight");
  if (bias.defined()) expect_close(backward.grad_bias_d, plain_bias.grad(), 1e-5, "grad bias");
}

INSTANTIATE_TEST_SUITE_P(All, NormTest,
                         ::testing::Combine(::testing::Values(NormKind::kRms, NormKind::kLayer),
                                            ::testing::Values(at::kFloat, at::kBFloat16),
                                            ::testing::Bool(), ::testing::Values(8, 77, 256)));

TEST(Norm, WeightGradientsAreTheSameBitsWithAnyThreads) {
  const at::Tensor x = normal({1000, 64}, "x"), weight = normal({64}, "weight");
  const NormForward forward = norm_forward(NormKind::kRms, x, {}, weight, {}, kEps);
  std::vector<at::Tensor> sums;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    sums.push_back(norm_backward(NormKind::kRms, x, {}, forward, weight, true).grad_weight_d);
  }
  EXPECT_TRUE(at::equal(sums[0], sums[1]) && at::equal(sums[0], sums[2]));
}

}  // namespace
}  // namespace strata::kernels
