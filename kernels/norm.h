// RMS and layer normalisation over the last dimension, alone or fused with the residual addition
// before it. Statistics are fp32, weight gradients are fp32 and do not depend on the number of
// threads. Plain functions on tensors: they know no rank, no parameter and no autograd.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace strata::kernels {

enum class NormKind : uint8_t { kRms, kLayer };

/// What a norm of `n` rows gives, and what its backward needs.
struct NormForward {
  at::Tensor
      residual_nd;  ///< x + delta, or x itself where there was no delta; the input that was normed
  at::Tensor y_nd;
  at::Tensor mean_n;     ///< fp32; undefined for kRms
  at::Tensor inverse_n;  ///< fp32: 1 / sqrt(variance + eps), for kRms 1 / sqrt(mean square + eps)
};

/// residual = x + delta (rounded to the dtype of x), y = norm(residual) * weight (+ bias).
/// x_nd, delta_nd [n, d] contiguous, fp32 or bf16; delta_nd and bias_d may be undefined.
NormForward norm_forward(NormKind kind, const at::Tensor& x_nd, const at::Tensor& delta_nd,
                         const at::Tensor& weight_d, const at::Tensor& bias_d, double eps);

struct NormBackward {
  at::Tensor grad_residual_nd;  ///< the gradient of x and of delta alike
  at::Tensor grad_weight_d;     ///< fp32; undefined unless asked for
  at::Tensor grad_bias_d;       ///< fp32; kLayer only
};

/// `grad_residual_nd` is the gradient that reached the residual by another way; undefined where
/// there is none.
NormBackward norm_backward(NormKind kind, const at::Tensor& grad_y_nd,
                           const at::Tensor& grad_residual_nd, const NormForward& forward,
                           const at::Tensor& weight_d, bool weight_gradients);

}  // namespace strata::kernels
