#include "kernels/threads.h"

#include <ATen/Parallel.h>
#include <c10/util/ParallelGuard.h>

#include <algorithm>
#include <atomic>
#include <exception>

// The entry points of the GNU OpenMP runtime that compiled code calls; part of its stable ABI.
extern "C" {
void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_num_threads();
int omp_get_thread_num();
}

namespace strata::kernels {
namespace {

struct ParallelJob {
  int64_t begin, end, grain;
  RangeBody body;
  const void* captures;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  std::exception_ptr error = nullptr;
};

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// What each thread of the team runs: its run of the range, if one is left for it.
void run_share(void* data) {
  ParallelJob& job = *static_cast<ParallelJob*>(data);
  const int64_t count = job.end - job.begin;
  const int64_t shares = std::min<int64_t>(omp_get_num_threads(), ceil_div(count, job.grain));
  const int64_t share = ceil_div(count, shares);
  const int64_t begin = job.begin + omp_get_thread_num() * share;
  if (begin >= job.end) return;
  try {
    c10::ParallelGuard inside(true);
    job.body(job.captures, begin, std::min(begin + share, job.end));
  } catch (...) {
    if (!job.failed.test_and_set()) job.error = std::current_exception();
  }
}

}  // namespace

void run_in_parallel(int64_t begin, int64_t end, int64_t grain, RangeBody body,
                     const void* captures) {
  if (begin >= end) return;
  grain = std::max<int64_t>(grain, 1);
  if (end - begin <= grain || at::get_num_threads() == 1 || c10::ParallelGuard::is_enabled()) {
    body(captures, begin, end);
    return;
  }
  ParallelJob job{begin, end, grain, body, captures};
  // 0: the team that LibTorch uses; asking for another size would make the runtime build a new one.
  GOMP_parallel(&run_share, &job, 0, 0);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace strata::kernels
