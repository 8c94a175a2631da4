// Matrix products, widened piece by piece where bf16 is slow, against double.
#include "kernels/matmul.h"

#include <ATen/ops/mm.h>

#include "tests/kernels/tensors.h"

namespace strata::kernels {
namespace {

using strata::testing::expect_close;
using strata::testing::normal;
using strata::testing::tolerance_of;

TEST(Matmul, AnyShapeAndLayout) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    // The last three cut m, n and k in pieces.
    for (const auto& [m, k, n] :
         {std::tuple{3, 5, 7}, {64, 32, 1}, {70000, 3, 70}, {70, 3, 70000}, {70, 70000, 3}}) {
      const at::Tensor a = normal({m, k}, "a").to(dtype), b = normal({n, k}, "b").to(dtype);
      const at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble).t());
      expect_close(matmul(a, b.t()), expected, 3 * tolerance_of(dtype));
      const at::Tensor bias = normal({n}, "bias").to(dtype);
      expect_close(linear(a, b, bias), expected.add(bias), 3 * tolerance_of(dtype));
      expect_close(matmul(a.t().contiguous().t(), b.t().contiguous()), expected,
                   3 * tolerance_of(dtype));
    }
  }
}

TEST(Matmul, SumsGoOnInFp32) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor dy = normal({50, 8}, "dy").to(dtype), x = normal({50, 12}, "x").to(dtype);
    at::Tensor sum = normal({8, 12}, "sum");
    const at::Tensor expected =
        at::mm(dy.to(at::kDouble).t(), x.to(at::kDouble)).add(sum.to(at::kDouble));
    matmul_add_(sum, dy.t(), x);
    expect_close(sum, expected, tolerance_of(dtype));
  }
}

}  // namespace
}  // namespace strata::kernels
