#include "parallel/optimizer/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <string_view>

#include "base/error.h"

namespace strata::parallel {
namespace {

/// After the warm-up: which share of the way from lr down to min_lr is behind us at `progress` in
/// (0, 1] of the steps left.
struct LrSchedule {
  std::string_view name;
  double (*descent)(double progress);
};

double stay(double) { return 0; }

double linear_descent(double progress) { return progress; }

/// Loshchilov and Hutter, "SGDR", 2017.
double cosine_descent(double progress) { return 0.5 * (1 - std::cos(std::numbers::pi * progress)); }

/// Warm-up, stable, decay (Hu et al., "MiniCPM", 2024): level until the last tenth, then a straight
/// line.
double stable_then_linear(double progress) {
  constexpr double kDecayShare = 0.1;
  return std::max(0.0, 1 - (1 - progress) / kDecayShare);
}

constexpr LrSchedule kSchedules[] = {
    {"constant", stay},
    {"linear", linear_descent},
    {"cosine", cosine_descent},
    {"wsd", stable_then_linear},
};

}  // namespace

double learning_rate(const OptimizerConfig& config, int64_t step, int64_t steps) {
  if (step <= config.warmup)
    return config.lr * static_cast<double>(step) / static_cast<double>(config.warmup);
  const auto schedule =
      std::ranges::find(kSchedules, std::string_view(config.schedule), &LrSchedule::name);
  base::ensure(schedule != std::end(kSchedules), "the schedule is one of lr_schedule_names()");

  const auto left_after_warmup = static_cast<double>(std::max<int64_t>(1, steps - config.warmup));
  const double progress =
      std::min(1.0, static_cast<double>(step - config.warmup) / left_after_warmup);
  const double descent = schedule->descent(progress), lowest = std::min(config.min_lr, config.lr);
  return config.lr * (1 - descent) + lowest * descent;
}

std::vector<std::string> lr_schedule_names() {
  std::vector<std::string> names;
  for (const LrSchedule& schedule : kSchedules) names.emplace_back(schedule.name);
  return names;
}

}  // namespace strata::parallel
