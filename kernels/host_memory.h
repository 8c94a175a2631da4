// Memory of CPU tensors that is kept for reuse: a training step asks for the same sizes again and
// again, and a fresh page costs more than the arithmetic on it.
#pragma once

#include <cstdint>

namespace strata::kernels {

/// From here on large CPU tensors of this process reuse freed blocks of their size. Call it once,
/// before threads start; small tensors and memory that is already out are not touched.
void reuse_host_memory();

/// Bytes that are held: by tensors, and idle, waiting to be reused.
struct HostMemory {
  int64_t used = 0, idle = 0;
};
HostMemory host_memory();

}  // namespace strata::kernels
