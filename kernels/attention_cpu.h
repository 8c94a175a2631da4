// Blocked attention on the CPU: fp32 inside, keys and values of a head kept in the cache, scores a
// block at a time (Dao et al., "FlashAttention", 2022). Work is divided by (row, key head), so sums
// over the heads of a group need no second pass and do not depend on the number of threads.
#pragma once

#include "kernels/attention.h"

namespace strata::kernels::cpu {

void attention_forward(const QueryKeyValue& in, const AttentionOptions& options,
                       AttentionForward& result);
void attention_backward(const at::Tensor& grad_out_bthd, const QueryKeyValue& in,
                        const AttentionForward& forward, const AttentionOptions& options,
                        QueryKeyValue& grads);
at::Tensor attention_cached(const at::Tensor& q_bthd, const at::Tensor& k_bskd,
                            const at::Tensor& v_bskd, const at::Tensor& start_b, double scale,
                            int64_t window);

}  // namespace strata::kernels::cpu
