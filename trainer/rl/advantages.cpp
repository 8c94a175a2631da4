#include "trainer/rl/advantages.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace strata::trainer {
namespace {

constexpr double kGroupEpsilon = 1e-4;
constexpr double kWhiteningEpsilon = 1e-8;

/// Of those that are numbers.
struct Moments {
  double count = 0, mean = 0, deviation = 0;  ///< with Bessel's correction
};

Moments group_moments(std::span<const double> rewards) {
  Moments moments;
  for (const double reward : rewards) {
    if (std::isnan(reward)) continue;
    ++moments.count;
    moments.mean += reward;
  }
  if (moments.count == 0) return moments;
  moments.mean /= moments.count;
  double squares = 0;
  for (const double reward : rewards) {
    if (!std::isnan(reward)) squares += (reward - moments.mean) * (reward - moments.mean);
  }
  if (moments.count > 1) moments.deviation = std::sqrt(squares / (moments.count - 1));
  return moments;
}

}  // namespace

double kl_estimate(KlEstimator estimator, double log_ratio) {
  switch (estimator) {
    case KlEstimator::kK1:
      return log_ratio;
    case KlEstimator::kK2:
      return log_ratio * log_ratio / 2;
    case KlEstimator::kK3:
      return std::expm1(-log_ratio) + log_ratio;
  }
  throw base::InternalError("an estimator that is not in the list");
}

std::vector<double> penalised_rewards(std::span<const double> log_ratios, double coefficient,
                                      double score, KlEstimator estimator) {
  std::vector<double> rewards;
  rewards.reserve(log_ratios.size());
  for (const double log_ratio : log_ratios)
    rewards.push_back(-coefficient * kl_estimate(estimator, log_ratio));
  if (!rewards.empty()) rewards.back() += score;
  return rewards;
}

std::vector<double> generalised_advantages(std::span<const double> rewards,
                                           std::span<const double> values,
                                           const GaeOptions& options) {
  base::ensure(rewards.size() == values.size(), "one value for each reward");
  std::vector<double> advantages(rewards.size());
  double next_value = 0, next_advantage = 0;
  for (size_t t = rewards.size(); t-- > 0;) {
    const double delta = rewards[t] + options.gamma * next_value - values[t];
    advantages[t] = delta + options.gamma * options.lambda * next_advantage;
    next_value = values[t];
    next_advantage = advantages[t];
  }
  return advantages;
}

void whiten(std::span<double> values, std::span<const double> mask) {
  base::ensure(values.size() == mask.size(), "one mask for each value");
  double count = 0, sum = 0, squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (mask[i] <= 0) continue;
    ++count;
    sum += values[i];
  }
  const double mean = count > 0 ? sum / count : 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (mask[i] > 0) squares += (values[i] - mean) * (values[i] - mean);
  }
  const double scale = count > 1 ? 1 / std::sqrt(squares / (count - 1) + kWhiteningEpsilon) : 0;
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = mask[i] > 0 ? (values[i] - mean) * scale : 0;
}

GroupEstimator group_estimator(std::string_view name) {
  if (name == "grpo") return GroupEstimator::kGrpo;
  if (name == "rloo") return GroupEstimator::kRloo;
  base::ensure(name == "dr_grpo", "an estimator that the config does not know");
  return GroupEstimator::kDrGrpo;
}

double group_deviation(std::span<const double> rewards) { return group_moments(rewards).deviation; }

bool has_equal_rewards(std::span<const double> rewards) {
  double first = std::nan("");
  for (const double reward : rewards) {
    if (std::isnan(reward)) continue;
    if (std::isnan(first)) first = reward;
    if (reward != first) return false;
  }
  return true;
}

std::vector<double> group_advantages(std::span<const double> rewards, GroupEstimator estimator) {
  std::vector<double> advantages(rewards.size(), 0.0);
  if (has_equal_rewards(rewards)) return advantages;
  const Moments moments = group_moments(rewards);
  for (size_t i = 0; i < rewards.size(); ++i) {
    if (std::isnan(rewards[i])) continue;
    const double centred = rewards[i] - moments.mean;
    switch (estimator) {
      case GroupEstimator::kGrpo:
        advantages[i] = centred / (moments.deviation + kGroupEpsilon);
        break;
      case GroupEstimator::kRloo:  // R - mean of the others = (R - mean of all) G / (G - 1)
        advantages[i] = centred * moments.count / (moments.count - 1);
        break;
      case GroupEstimator::kDrGrpo:
        advantages[i] = centred;
        break;
    }
  }
  return advantages;
}

double adapted_coefficient(double coefficient, double kl, double target, double answers,
                           double horizon) {
  const double error = std::clamp(kl / target - 1, -0.2, 0.2);
  return coefficient * (1 + error * answers / horizon);
}

}  // namespace strata::trainer
