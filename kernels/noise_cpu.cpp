// The loop of the noise on the CPU.
#include <algorithm>

#include "kernels/philox.h"
#include "kernels/raw.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels {
namespace {

constexpr int64_t kNoiseGrain = 4 * 1024;  // elements worth a thread
constexpr int64_t kNoiseRun = 4 * kPhiloxLanes;

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void noise_row(
    const T* __restrict x, T* __restrict y, uint64_t key, uint64_t token, int64_t width,
    float bound) {
  uint32_t draws[kNoiseRun];
  const float unit = bound * 0x1p-31f;
  for (int64_t done = 0; done < width; done += kNoiseRun) {
    philox_run(key, token, static_cast<uint64_t>(done / 4), draws);
    const int64_t count = std::min(kNoiseRun, width - done);
    for (int64_t i = 0; i < count; ++i) {
      const auto draw = static_cast<float>(static_cast<int32_t>(draws[i]));
      y[done + i] = rounded<T>(load(x[done + i]) + draw * unit);
    }
  }
}

}  // namespace

void cpu::noise(const NoiseRaw& raw) {
  with_element_type(raw.bf16, [&](auto element) {
    using T = decltype(element);
    parallel_for(0, raw.rows, kNoiseGrain / (raw.width + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t at = row * raw.width;
        noise_row(static_cast<const T*>(raw.x) + at, static_cast<T*>(raw.out) + at, raw.key,
                  static_cast<uint64_t>(raw.tokens[row]), raw.width, raw.bounds[row]);
      }
    });
  });
}

}  // namespace strata::kernels
