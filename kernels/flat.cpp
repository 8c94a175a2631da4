#include "kernels/flat.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "kernels/raw_tensors.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels {
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

/// Calls f with the elements of a CPU tensor, as float or as Bf16.
template <class F>
void with_elements(const at::Tensor& x, const F& f) {
  base::ensure(x.is_cpu(), "flat gradients: CPU tensors were expected");
  is_bf16(x) ? f(source<Bf16>(x)) : f(source<float>(x));
}

}  // namespace

void accumulate(at::Tensor& sum, const at::Tensor& x, bool overwrite) {
  base::ensure(sum.numel() == x.numel(), "accumulate: the sizes differ");
  const at::Tensor addend = x.contiguous();
  float* to = target<float>(sum);
  with_elements(addend, [&](const auto* from) {
    parallel_for(0, sum.numel(), kFlatGrain, [&](int64_t begin, int64_t end) {
      if (overwrite)
        put_elements(to + begin, from + begin, end - begin);
      else
        add_elements(to + begin, from + begin, end - begin);
    });
  });
}

void add_rows(at::Tensor& table_vd, const at::Tensor& grad_nd, const at::Tensor& ids_n) {
  const int64_t n = ids_n.numel(), width = table_vd.size(1);
  base::ensure(grad_nd.numel() == n * width, "add_rows: one row of gradient per id was expected");
  const at::Tensor addend = grad_nd.contiguous();
  const int64_t* ids = source<int64_t>(ids_n);
  float* table = target<float>(table_vd);
  // The threads share the columns: every row is summed in the order of the ids, and equal ids do
  // not meet.
  constexpr int64_t kCacheLine = 16;
  const int64_t lines = (width + kCacheLine - 1) / kCacheLine;
  const int64_t grain = std::max<int64_t>(1, kFlatGrain / std::max<int64_t>(1, n * kCacheLine));
  with_elements(addend, [&](const auto* rows) {
    parallel_for(0, lines, grain, [&](int64_t begin, int64_t end) {
      add_row_pieces(table, rows, ids, n, width, begin * kCacheLine,
                     std::min(width, end * kCacheLine));
    });
  });
}

double sum_of_squares(const at::Tensor& x) {
  // Partial sums of fixed pieces, added in order: the same bits for any number of threads.
  constexpr int64_t kPiece = 16 * 1024;
  const int64_t count = x.numel(), pieces = (count + kPiece - 1) / kPiece;
  const float* all = source<float>(x);
  std::vector<double> sums(static_cast<size_t>(pieces));
  parallel_for(0, pieces, 2, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t first = p * kPiece;
      sums[static_cast<size_t>(p)] = square_elements(all + first, std::min(kPiece, count - first));
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace strata::kernels
