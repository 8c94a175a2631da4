// The arithmetic of flat.h on the GPU, without atomics: the same bits in every run.
#include "kernels/device.cuh"
#include "kernels/flat_raw.h"

namespace strata::kernels::cuda {
namespace {

template <class T>
__global__ void accumulate_elements(AccumulateRaw raw) {
  const int64_t i = int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (i >= raw.count) return;
  const float x = load(static_cast<const T*>(raw.x)[i]);
  raw.sum[i] = raw.overwrite ? x : raw.sum[i] + x;
}

constexpr int kRowGroups = 64;  // rows of the table are dealt out over them

/// A thread for each column and each group of rows: it goes through all ids, in order, and adds
/// those of its group.
template <class T>
__global__ void add_row_elements(AddRowsRaw raw) {
  const int64_t column = int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (column >= raw.width) return;
  const T* grad = static_cast<const T*>(raw.grad);
  for (int64_t i = 0; i < raw.n; ++i) {
    const int64_t row = raw.ids[i];
    if (row < 0 || row % kRowGroups != blockIdx.y) continue;
    raw.table[row * raw.width + column] += load(grad[i * raw.width + column]);
  }
}

/// A block for each piece: every thread sums a comb of it, then the block sums its threads, pair by
/// pair.
__global__ void square_pieces(SquaresRaw raw) {
  __shared__ double sums[kBlock];
  const int64_t begin = int64_t{blockIdx.x} * raw.piece;
  const int64_t end = begin + raw.piece < raw.count ? begin + raw.piece : raw.count;
  double sum = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += kBlock)
    sum += double{raw.x[i]} * double{raw.x[i]};
  sums[threadIdx.x] = sum;
  for (int half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) raw.sums[blockIdx.x] = sums[0];
}

}  // namespace

void accumulate(const AccumulateRaw& raw) {
  if (raw.count == 0) return;
  with_element_type(raw.bf16, [&](auto element) {
    accumulate_elements<decltype(element)><<<blocks_for(raw.count), kBlock, 0, stream()>>>(raw);
  });
  check_launch("accumulate");
}

void add_rows(const AddRowsRaw& raw) {
  if (raw.n == 0 || raw.width == 0) return;
  const dim3 blocks(blocks_for(raw.width), kRowGroups);
  with_element_type(raw.bf16, [&](auto element) {
    add_row_elements<decltype(element)><<<blocks, kBlock, 0, stream()>>>(raw);
  });
  check_launch("add_rows");
}

void square_sums(const SquaresRaw& raw) {
  if (raw.count == 0) return;
  const auto pieces = static_cast<unsigned>((raw.count + raw.piece - 1) / raw.piece);
  square_pieces<<<pieces, kBlock, 0, stream()>>>(raw);
  check_launch("square_sums");
}

}  // namespace strata::kernels::cuda
