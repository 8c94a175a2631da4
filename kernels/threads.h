// Work divided among LibTorch's threads. at::parallel_for cannot be used: it is a header, and
// without the compiler's OpenMP switch (which would bring a second runtime library) it quietly runs
// on one thread. This door asks the very runtime that LibTorch has loaded.
#pragma once

#include <cstdint>

namespace strata::kernels {

/// The body with its captures behind a plain pointer.
using RangeBody = void (*)(const void* captures, int64_t begin, int64_t end);
void run_in_parallel(int64_t begin, int64_t end, int64_t grain, RangeBody body,
                     const void* captures);

/// Calls f(begin, end) on disjoint runs that together cover [begin, end), at least `grain` long, on
/// at most at::get_num_threads() threads. Where the runs begin depends on the number of threads:
/// results must not. Inside another parallel region it is one call. An exception of f is thrown on.
template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, const F& f) {
  run_in_parallel(
      begin, end, grain,
      [](const void* captures, int64_t from, int64_t to) {
        (*static_cast<const F*>(captures))(from, to);
      },
      &f);
}

}  // namespace strata::kernels
