#include "kernels/adamw.h"

#include <cmath>

#include "kernels/flat_raw.h"
#include "kernels/raw_tensors.h"

namespace strata::kernels {
namespace {

AdamwNumbers adamw_numbers(const AdamwStep& step) {
  const auto t = static_cast<double>(step.t);
  const double correction1 = 1 - std::pow(step.beta1, t), correction2 = 1 - std::pow(step.beta2, t);
  return {static_cast<float>(step.grad_scale), static_cast<float>(1 - step.lr * step.weight_decay),
          static_cast<float>(1 - step.beta1),  static_cast<float>(step.beta2),
          static_cast<float>(1 - step.beta2),  static_cast<float>(std::sqrt(correction2)),
          static_cast<float>(step.eps),        static_cast<float>(-step.lr / correction1)};
}

}  // namespace

void adamw(const AdamwStep& step, at::Tensor& value, const at::Tensor& grad, at::Tensor& exp_avg,
           at::Tensor& exp_avg_sq, at::Tensor& rounded_value) {
  const AdamwRaw raw{adamw_numbers(step),  value.numel(),          target<float>(value),
                     source<float>(grad),  target<float>(exp_avg), target<float>(exp_avg_sq),
                     target(rounded_value)};
  on_device_of(value, raw, &cpu::adamw, &cuda::adamw);
}

}  // namespace strata::kernels
