// Attention written out plainly, all scores at once, of LibTorch's differentiable operations in any
// float dtype: what the blocked kernels are tested against.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/attention.h"

namespace strata::kernels {

/// -> [b, t, heads, d]
at::Tensor attention_reference(const QueryKeyValue& in, const AttentionOptions& options);

}  // namespace strata::kernels
