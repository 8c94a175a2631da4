// Memory settings of the whole process, made once before anything else.
#pragma once

namespace strata::base {

/// Keeps freed memory for reuse and asks for huge pages. Call it first in main(), before the first
/// large allocation. Settings that the user made (MALLOC_*, GLIBC_TUNABLES, THP_MEM_ALLOC_ENABLE)
/// stay.
void tune_allocator();

}  // namespace strata::base
