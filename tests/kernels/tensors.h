// Tensors for tests: reproducible numbers, and comparison by the largest difference, relative to
// the largest expected value.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace strata::testing {

/// Standard normal numbers that depend on `name` alone. fp32.
inline at::Tensor normal(at::IntArrayRef shape, std::string_view name, double scale = 1.0) {
  at::Tensor x = at::empty(shape, at::kFloat);
  base::fill_normal(x.data_ptr<float>(), x.numel(), base::stream_key(1, name), 0, 0.0f,
                    static_cast<float>(scale));
  return x;
}

/// A leaf of the reference's graph: the same values in double.
inline at::Tensor double_leaf(const at::Tensor& x) {
  return x.detach().to(at::kDouble).clone().requires_grad_(true);
}

inline double largest(const at::Tensor& x) {
  return x.numel() == 0 ? 0 : x.to(at::kDouble).abs().max().item<double>();
}

inline void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance,
                         std::string_view what = "") {
  ASSERT_TRUE(actual.defined()) << what;
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  const double difference = largest(actual.to(at::kDouble).sub(expected.to(at::kDouble)));
  EXPECT_LE(difference, tolerance * std::max(largest(expected), 1.0)) << what;
}

/// How far a result may be from the one in double: fp32 rounding, or bf16 rounding of results.
inline double tolerance_of(at::ScalarType dtype) { return dtype == at::kFloat ? 3e-6 : 1e-2; }

}  // namespace strata::testing
