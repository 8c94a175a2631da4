// The loop of the dropout on the CPU.
#include <algorithm>

#include "kernels/philox.h"
#include "kernels/raw.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels {
namespace {

constexpr int64_t kDropoutGrain = 4 * 1024;  // elements worth a thread
constexpr int64_t kDrawsPerRun = 4 * kPhiloxLanes;

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void dropout_row(
    const T* __restrict x, const T* __restrict residual, T* __restrict y, uint64_t key,
    uint64_t token, int64_t first_feature, int64_t width, uint32_t threshold, float scale) {
  uint32_t draws[kDrawsPerRun];
  int64_t skip = first_feature % kDrawsPerRun;  // of the first run
  int64_t block = (first_feature - skip) / 4;
  for (int64_t done = 0; done < width; block += kPhiloxLanes, skip = 0) {
    philox_run(key, token, static_cast<uint64_t>(block), draws);
    const int64_t count = std::min(kDrawsPerRun - skip, width - done);
    for (int64_t i = 0; i < count; ++i) {
      const float kept = draws[skip + i] < threshold ? 0.0f : load(x[done + i]) * scale;
      y[done + i] = rounded<T>(residual ? kept + load(residual[done + i]) : kept);
    }
    done += count;
  }
}

}  // namespace

void cpu::dropout(const DropoutRaw& raw) {
  with_element_type(raw.bf16, [&](auto element) {
    using T = decltype(element);
    parallel_for(0, raw.rows, kDropoutGrain / (raw.width + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t at = row * raw.width;
        dropout_row(static_cast<const T*>(raw.x) + at,
                    raw.residual ? static_cast<const T*>(raw.residual) + at : nullptr,
                    static_cast<T*>(raw.out) + at, raw.key, static_cast<uint64_t>(raw.tokens[row]),
                    raw.first_feature, raw.width, raw.threshold, raw.scale);
      }
    });
  });
}

}  // namespace strata::kernels
