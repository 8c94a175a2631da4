// Attention written out plainly, all scores at once, of LibTorch's differentiable operations in any
// float dtype, on any device: what the faster ways are tested against.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/attention.h"

namespace strata::kernels {

/// Whether a query sees a key: bool [b or 1, 1, queries, keys].
at::Tensor seen_keys(const AttentionMask& mask, int64_t queries, int64_t keys, at::Device device);

/// -> [b, t, heads, d]
at::Tensor attention_reference(const QueryKeyValue& in, const AttentionOptions& options);

}  // namespace strata::kernels
