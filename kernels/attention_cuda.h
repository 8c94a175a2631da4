// Attention on the GPU through LibTorch's own kernels: flash for bf16 with a plain causal mask,
// memory-efficient with an additive mask for all else; attention dropout takes the plain way.
// attention_cuda.cpp, or no_cuda_attention.cpp in a program without a GPU.
#pragma once

#include "kernels/attention.h"

namespace strata::kernels::cuda {

void attention_forward(const QueryKeyValue& in, const AttentionOptions& options,
                       AttentionForward& result);
void attention_backward(const at::Tensor& grad_out_bthd, const QueryKeyValue& in,
                        const AttentionForward& forward, const AttentionOptions& options,
                        QueryKeyValue& grads);
at::Tensor attention_cached(const at::Tensor& q_bthd, const at::Tensor& k_bskd,
                            const at::Tensor& v_bskd, const at::Tensor& start_b, double scale,
                            int64_t window);

}  // namespace strata::kernels::cuda
