// The loop of the rotary embedding on the CPU.
#include "kernels/raw.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels {
namespace {

constexpr int64_t kRopeGrain = 16 * 1024;  // elements worth a thread

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void turn_heads(
    T* __restrict x, const float* __restrict cos, const float* __restrict sin, float direction,
    int64_t heads, int64_t pairs) {
  for (int64_t head = 0; head < heads; ++head) {
    T* __restrict first = x + head * 2 * pairs;
    T* __restrict second = first + pairs;
#pragma omp simd
    for (int64_t i = 0; i < pairs; ++i) {
      const float a = load(first[i]), b = load(second[i]), s = direction * sin[i];
      first[i] = rounded<T>(a * cos[i] - b * s);
      second[i] = rounded<T>(b * cos[i] + a * s);
    }
  }
}

}  // namespace

void cpu::rope(const RopeRaw& rope) {
  const int64_t pairs = rope.head_dim / 2;
  with_element_type(rope.bf16, [&](auto element) {
    using T = decltype(element);
    const int64_t grain = kRopeGrain / (rope.heads * rope.head_dim + 1) + 1;
    parallel_for(0, rope.rows, grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t at = rope.positions[row] * pairs;
        turn_heads(static_cast<T*>(rope.x) + row * rope.row_stride, rope.cos + at, rope.sin + at,
                   rope.direction, rope.heads, pairs);
      }
    });
  });
}

}  // namespace strata::kernels
