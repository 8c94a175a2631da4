// Sums (maxima, minima) of pieces of host memory, piece by piece in the order given. Plain
// arithmetic: knows no ranks.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <span>

#include "parallel/comm/communicator.h"

namespace strata::parallel {

/// out[i] = parts[0][i] op parts[1][i] op ..., from left to right. bf16 and fp16 are added in fp32
/// and rounded once. `out` may be one of the parts. InternalError for a dtype that cannot be
/// reduced.
void reduce_parts(void* out, std::span<const void* const> parts, int64_t count,
                  c10::ScalarType dtype, ReduceOp op);

}  // namespace strata::parallel
