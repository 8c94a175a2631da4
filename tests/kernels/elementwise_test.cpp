// Rope, activations, dropout and noise against their formulas in double precision.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "kernels/activation.h"
#include "kernels/dropout.h"
#include "kernels/noise.h"
#include "kernels/rope.h"
#include "tests/kernels/tensors.h"

namespace strata::kernels {
namespace {

using strata::testing::double_leaf;
using strata::testing::expect_close;
using strata::testing::normal;
using strata::testing::tolerance_of;

TEST(Rope, TurnsPairsByPositionTimesFrequency) {
  const RopeTable table(6, 100, 10000.0, {});
  at::Tensor x = normal({2, 4 * 6}, "x");
  const at::Tensor before = x.clone();
  rotate_in_place(x, at::tensor({0, 41}, at::kLong), table, 3, Turn::kForward);
  EXPECT_TRUE(at::equal(x[0], before[0])) << "position 0 does not turn";
  for (int64_t i = 0; i < 3; ++i) {
    const double angle = 41 * std::pow(10000.0, -i / 3.0);
    const double a = before[1][6 + i].item<double>(), b = before[1][9 + i].item<double>();
    EXPECT_NEAR(x[1][6 + i].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-5);
    EXPECT_NEAR(x[1][9 + i].item<double>(), b * std::cos(angle) + a * std::sin(angle), 1e-5);
  }
  EXPECT_TRUE(at::equal(x.narrow(1, 18, 6), before.narrow(1, 18, 6))) << "values do not turn";
  rotate_in_place(x, at::tensor({0, 41}, at::kLong), table, 3, Turn::kBack);
  expect_close(x, before, 1e-6, "turned back");
}

TEST(Rope, ScalingChangesTheFrequencies) {
  const RopeTable plain(8, 50, 10000.0, {});
  const RopeTable linear(8, 50, 10000.0, {.type = "linear", .factor = 2.0});
  expect_close(linear.cos_ph()[40], plain.cos_ph()[20], 1e-6);
  const RopeTable llama3(8, 50, 10000.0,
                         {.type = "llama3",
                          .factor = 8.0,
                          .low_freq_factor = 1.0,
                          .high_freq_factor = 4.0,
                          .original_context = 64});
  // Wavelength 2 pi < 64 / 4 stays; 2 pi 1000 > 64 is slowed down eight times.
  EXPECT_EQ(llama3.cos_ph()[40][0].item<float>(), plain.cos_ph()[40][0].item<float>());
  EXPECT_NEAR(llama3.sin_ph()[40][3].item<float>(), std::sin(40 * 1e-3 / 8), 1e-7);
}

TEST(Activation, SwigluAndItsGradient) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor gate_up = normal({37, 2 * 45}, "x", 3.0).to(dtype);
    const at::Tensor grad = normal({37, 45}, "g").to(dtype), leaf = double_leaf(gate_up);
    const at::Tensor y = at::silu(leaf.narrow(1, 0, 45)).mul(leaf.narrow(1, 45, 45));
    y.backward(grad.to(at::kDouble));
    expect_close(swiglu_forward(gate_up), y, tolerance_of(dtype));
    expect_close(swiglu_backward(grad, gate_up), leaf.grad(), tolerance_of(dtype));
  }
}

TEST(Activation, GeluAndItsGradient) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const Gelu kind : {Gelu::kTanh, Gelu::kExact}) {
      const at::Tensor x = normal({37, 45}, "x", 3.0).to(dtype), leaf = double_leaf(x);
      const at::Tensor grad = normal({37, 45}, "g").to(dtype);
      const at::Tensor y = at::gelu(leaf, kind == Gelu::kTanh ? "tanh" : "none");
      y.backward(grad.to(at::kDouble));
      expect_close(gelu_forward(x, kind), y, tolerance_of(dtype));
      expect_close(gelu_backward(grad, x, kind), leaf.grad(), tolerance_of(dtype));
    }
  }
}

TEST(Dropout, AnySliceOfTheTensorDrawsTheSame) {
  const int64_t rows = 30, width = 300;
  const DropoutMask mask{0.25, 77, at::arange(100, 100 + rows, at::kLong)};
  const at::Tensor ones = at::ones({rows, width});
  const at::Tensor whole = dropout_add(ones, {}, mask);
  const double kept = whole.sum().item<double>() / static_cast<double>(rows * width);
  EXPECT_NEAR(kept, 1.0, 0.03);
  const double zeros = whole.eq(0).sum().item<double>() / static_cast<double>(rows * width);
  EXPECT_NEAR(zeros, 0.25, 0.02);

  for (const auto& [first_row, count, first, features] :
       {std::tuple{0, 30, 150, 150}, {7, 5, 1, 299}, {29, 1, 130, 3}}) {
    DropoutMask piece = mask;
    piece.token_n = mask.token_n.narrow(0, first_row, count);
    piece.first_feature = first;
    EXPECT_TRUE(at::equal(dropout_add(at::ones({count, features}), {}, piece),
                          whole.narrow(0, first_row, count).narrow(1, first, features)));
  }
}

TEST(Dropout, MaskIsPhiloxOfTokenAndFeature) {
  const DropoutMask mask{0.5, 99, at::tensor({5}, at::kLong)};
  const at::Tensor dropped = dropout_add(at::ones({1, 200}), {}, mask);
  for (int64_t f = 0; f < 200; ++f) {
    const bool gone = base::philox(99, 5, static_cast<uint64_t>(f / 4))[f % 4] < 0x80000000u;
    EXPECT_EQ(dropped[0][f].item<float>(), gone ? 0.0f : 2.0f) << f;
  }
}

TEST(Dropout, AddsTheResidual) {
  const at::Tensor x = normal({9, 20}, "x"), residual = normal({9, 20}, "r");
  const DropoutMask mask{0.5, 1, at::arange(9, at::kLong)};
  expect_close(dropout_add(x, residual, mask), dropout_add(x, {}, mask).add(residual), 1e-7);
}

TEST(Noise, IsUniformWithinEachRowsBound) {
  const int64_t rows = 40, width = 500;
  const at::Tensor bound_n = at::arange(rows, at::kFloat).mul(0.1);
  const UniformNoise noise{7, at::arange(rows, at::kLong), bound_n};
  const at::Tensor drawn = add_noise(at::zeros({rows, width}), noise);
  EXPECT_EQ(drawn[0].abs().max().item<float>(), 0.0f) << "no bound, no noise";
  const at::Tensor unit =
      drawn.narrow(0, 1, rows - 1).div(bound_n.narrow(0, 1, rows - 1).view({-1, 1}));
  EXPECT_LE(unit.abs().max().item<double>(), 1.0 + 1e-6);
  EXPECT_GT(unit.max().item<double>(), 0.999);
  EXPECT_LT(unit.min().item<double>(), -0.999);
  EXPECT_NEAR(unit.mean().item<double>(), 0.0, 0.015);  // deviation 1 / sqrt(3 n) = 0.004
  EXPECT_NEAR(unit.pow(2).mean().item<double>(), 1.0 / 3, 0.01);
  EXPECT_NEAR(unit.pow(4).mean().item<double>(), 1.0 / 5, 0.01);
}

TEST(Noise, IsPhiloxOfTokenAndFeatureWhateverTheRowsBesideIt) {
  const at::Tensor token_n = at::arange(100, 112, at::kLong), bound_n = at::ones({12}).mul(0.5);
  const at::Tensor x = normal({12, 135}, "x");
  const at::Tensor whole = add_noise(x, {99, token_n, bound_n});
  for (int64_t f = 0; f < 135; ++f) {
    const uint32_t word = base::philox(99, 105, static_cast<uint64_t>(f / 4))[f % 4];
    const double noise = 0.5 * static_cast<int32_t>(word) / 2147483648.0;
    EXPECT_NEAR(whole[5][f].item<double>() - x[5][f].item<double>(), noise, 1e-6) << f;
  }
  EXPECT_TRUE(at::equal(
      add_noise(x.narrow(0, 3, 4), {99, token_n.narrow(0, 3, 4), bound_n.narrow(0, 3, 4)}),
      whole.narrow(0, 3, 4)));
}

}  // namespace
}  // namespace strata::kernels
