// The update of AdamW on the CPU, at memory speed.
#include <algorithm>
#include <cmath>

#include "kernels/flat_raw.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels::cpu {
namespace {

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void adamw_elements(
    AdamwNumbers n, float* __restrict value, const float* __restrict grad,
    float* __restrict exp_avg, float* __restrict exp_avg_sq, int64_t count) {
  // The mean moves by a lerp, written as PyTorch writes it: from the nearer end.
  const bool from_mean = n.new_mean < 0.5f;
  const float weight = from_mean ? n.new_mean : n.new_mean - 1;
  for (int64_t i = 0; i < count; ++i) {
    const float g = grad[i] * n.grad_scale;
    const float mean = std::fma(weight, g - exp_avg[i], from_mean ? exp_avg[i] : g);
    const float square = std::fma(n.new_square * g, g, exp_avg_sq[i] * n.beta2);
    const float denominator = std::sqrt(square) / n.root_correction + n.eps;
    exp_avg[i] = mean;
    exp_avg_sq[i] = square;
    value[i] = value[i] * n.keep + n.minus_step * mean / denominator;
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void round_elements(
    const float* __restrict value, Bf16* __restrict out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = rounded<Bf16>(value[i]);
}

}  // namespace

void adamw(const AdamwRaw& adamw) {
  constexpr int64_t kGrain = 32 * 1024;   // elements worth a thread
  constexpr int64_t kInCache = 4 * 1024;  // rounded while they are still in the first cache
  auto* rounded = static_cast<Bf16*>(adamw.rounded);
  parallel_for(0, adamw.count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kInCache) {
      const int64_t count = std::min(kInCache, end - i);
      adamw_elements(adamw.numbers, adamw.value + i, adamw.grad + i, adamw.exp_avg + i,
                     adamw.exp_avg_sq + i, count);
      if (rounded) round_elements(adamw.value + i, rounded + i, count);
    }
  });
}

}  // namespace strata::kernels::cpu
