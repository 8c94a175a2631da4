#include "kernels/adamw.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/raw_tensors.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels {
namespace {

/// The numbers of a step as the loop needs them: computed in double, as PyTorch does, then rounded.
struct AdamwNumbers {
  float grad_scale, keep, new_mean, beta2, new_square, root_correction, eps, minus_step;
};

AdamwNumbers adamw_numbers(const AdamwStep& step) {
  const auto t = static_cast<double>(step.t);
  const double correction1 = 1 - std::pow(step.beta1, t), correction2 = 1 - std::pow(step.beta2, t);
  return {static_cast<float>(step.grad_scale), static_cast<float>(1 - step.lr * step.weight_decay),
          static_cast<float>(1 - step.beta1),  static_cast<float>(step.beta2),
          static_cast<float>(1 - step.beta2),  static_cast<float>(std::sqrt(correction2)),
          static_cast<float>(step.eps),        static_cast<float>(-step.lr / correction1)};
}

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

void adamw(const AdamwStep& step, at::Tensor& value, const at::Tensor& grad, at::Tensor& exp_avg,
           at::Tensor& exp_avg_sq, at::Tensor& rounded_value) {
  base::ensure(value.is_cpu(), "adamw: CPU tensors were expected");
  const AdamwNumbers numbers = adamw_numbers(step);
  float* values = target<float>(value);
  const float* grads = source<float>(grad);
  float* means = target<float>(exp_avg);
  float* squares = target<float>(exp_avg_sq);
  Bf16* halves = target<Bf16>(rounded_value);

  constexpr int64_t kGrain = 32 * 1024;   // elements worth a thread
  constexpr int64_t kInCache = 4 * 1024;  // rounded while they are still in the first cache
  parallel_for(0, value.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kInCache) {
      const int64_t count = std::min(kInCache, end - i);
      adamw_elements(numbers, values + i, grads + i, means + i, squares + i, count);
      if (halves) round_elements(values + i, halves + i, count);
    }
  });
}

}  // namespace strata::kernels
