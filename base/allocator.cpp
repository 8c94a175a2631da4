// glibc maps every block above 32 MiB anew and gives it back when it is freed, so that each use
// pays for its page faults again: a 64 MB malloc + fill + free took 224 ms, and 13 ms with these
// settings. See docs/build.md.
#include "base/allocator.h"

#include <malloc.h>

#include <climits>
#include <cstdlib>

namespace strata::base {

void tune_allocator() {
  const bool user_tuned = std::getenv("GLIBC_TUNABLES") != nullptr;
  if (!user_tuned && std::getenv("MALLOC_MMAP_THRESHOLD_") == nullptr)
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
  if (!user_tuned && std::getenv("MALLOC_TRIM_THRESHOLD_") == nullptr)
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
  setenv("THP_MEM_ALLOC_ENABLE", "1",
         /*overwrite=*/0);  // LibTorch's CPU allocator: huge pages for large blocks
}

}  // namespace strata::base
