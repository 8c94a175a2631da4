// The arithmetic of flat.h on the CPU.
#include <algorithm>

#include "kernels/flat_raw.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels::cpu {
namespace {

constexpr int64_t kFlatGrain = 32 * 1024;  // elements worth a thread

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void put_elements(
    float* __restrict sum, const T* __restrict x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) sum[i] = load(x[i]);
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_elements(
    float* __restrict sum, const T* __restrict x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) sum[i] += load(x[i]);
}

/// Columns [first, last) of all rows, in the order of the ids.
template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_row_pieces(
    float* __restrict table, const T* __restrict grad, const int64_t* __restrict ids, int64_t n,
    int64_t width, int64_t first, int64_t last) {
  for (int64_t i = 0; i < n; ++i) {
    if (ids[i] < 0) continue;
    float* __restrict row = table + ids[i] * width;
    const T* __restrict addend = grad + i * width;
    for (int64_t c = first; c < last; ++c) row[c] += load(addend[c]);
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double square_elements(
    const float* __restrict x, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

/// Calls f with the pointer as float or as Bf16.
template <class F>
void with_elements(bool bf16, const void* x, const F& f) {
  bf16 ? f(static_cast<const Bf16*>(x)) : f(static_cast<const float*>(x));
}

}  // namespace

void accumulate(const AccumulateRaw& raw) {
  with_elements(raw.bf16, raw.x, [&](const auto* x) {
    parallel_for(0, raw.count, kFlatGrain, [&](int64_t begin, int64_t end) {
      if (raw.overwrite)
        put_elements(raw.sum + begin, x + begin, end - begin);
      else
        add_elements(raw.sum + begin, x + begin, end - begin);
    });
  });
}

/// The threads share the columns: every row is summed in the order of the ids, and equal ids do not
/// meet.
void add_rows(const AddRowsRaw& raw) {
  constexpr int64_t kCacheLine = 16;
  const int64_t lines = (raw.width + kCacheLine - 1) / kCacheLine;
  const int64_t grain = std::max<int64_t>(1, kFlatGrain / std::max<int64_t>(1, raw.n * kCacheLine));
  with_elements(raw.bf16, raw.grad, [&](const auto* grad) {
    parallel_for(0, lines, grain, [&](int64_t begin, int64_t end) {
      add_row_pieces(raw.table, grad, raw.ids, raw.n, raw.width, begin * kCacheLine,
                     std::min(raw.width, end * kCacheLine));
    });
  });
}

void square_sums(const SquaresRaw& raw) {
  const int64_t pieces = (raw.count + raw.piece - 1) / raw.piece;
  parallel_for(0, pieces, 2, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t first = p * raw.piece;
      raw.sums[p] = square_elements(raw.x + first, std::min(raw.piece, raw.count - first));
    }
  });
}

}  // namespace strata::kernels::cpu
