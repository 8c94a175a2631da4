// Activations of the feed-forward: silu(gate) * up on a fused [gate | up] tensor, and gelu. fp32
// inside, any float dtype outside.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace strata::kernels {

enum class Gelu : uint8_t { kTanh, kExact };  ///< kTanh is "gelu_new" of GPT-2, kExact "gelu"

/// gate_up_nf [n, 2 f], contiguous -> [n, f]
at::Tensor swiglu_forward(const at::Tensor& gate_up_nf);
/// -> gradient of gate_up [n, 2 f]
at::Tensor swiglu_backward(const at::Tensor& grad_nf, const at::Tensor& gate_up_nf);

at::Tensor gelu_forward(const at::Tensor& x_nf, Gelu kind);
at::Tensor gelu_backward(const at::Tensor& grad_nf, const at::Tensor& x_nf, Gelu kind);

}  // namespace strata::kernels
