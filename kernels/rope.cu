// The rotary embedding on the GPU: a thread for each pair.
#include "kernels/device.cuh"
#include "kernels/raw.h"

namespace strata::kernels::cuda {
namespace {

template <class T>
__global__ void turn_pairs(RopeRaw rope, int64_t pairs, int64_t count) {
  const int64_t index = int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (index >= count) return;
  const int64_t i = index % pairs, head = index / pairs % rope.heads,
                row = index / (pairs * rope.heads);
  const int64_t at = rope.positions[row] * pairs + i;
  T* first = static_cast<T*>(rope.x) + row * rope.row_stride + head * rope.head_dim + i;
  T* second = first + pairs;
  const float a = load(*first), b = load(*second);
  const float cosine = rope.cos[at], sine = rope.direction * rope.sin[at];
  store(first, a * cosine - b * sine);
  store(second, b * cosine + a * sine);
}

}  // namespace

void rope(const RopeRaw& rope) {
  const int64_t pairs = rope.head_dim / 2, count = rope.rows * rope.heads * pairs;
  if (count == 0) return;
  with_element_type(rope.bf16, [&](auto element) {
    turn_pairs<decltype(element)><<<blocks_for(count), kBlock, 0, stream()>>>(rope, pairs, count);
  });
  check_launch("rope");
}

}  // namespace strata::kernels::cuda
