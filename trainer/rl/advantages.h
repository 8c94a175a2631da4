// The arithmetic between rewards and losses: penalised rewards, advantages, returns, whitening, and
// the coefficient that follows the divergence. Pure functions on plain numbers of one answer or of
// a whole rollout; knows no model, no rank and no tensor.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace strata::trainer {

/// Estimators of KL(policy || reference) at one token from d = log policy - log reference
/// (Schulman, "Approximating KL divergence", 2020): k1 = d, k2 = d^2 / 2, k3 = exp(-d) - 1 + d.
enum class KlEstimator : uint8_t { kK1, kK2, kK3 };
double kl_estimate(KlEstimator estimator, double log_ratio);

/// Rewards of one answer's tokens: -coefficient * k1 at each, and the score on the last one.
/// `log_ratios` are log policy - log reference. Only k1 leads to the divergence's gradient here;
/// the estimator is a parameter so that a test can show what the others do.
std::vector<double> penalised_rewards(std::span<const double> log_ratios, double coefficient,
                                      double score, KlEstimator estimator = KlEstimator::kK1);

struct GaeOptions {
  double gamma = 1.0, lambda = 0.95;
};
/// Generalised advantage estimation over one answer (Schulman et al., 2016):
/// delta_t = r_t + gamma V_{t+1} - V_t with V = 0 behind the end, A_t = delta_t + gamma lambda
/// A_{t+1}.
std::vector<double> generalised_advantages(std::span<const double> rewards,
                                           std::span<const double> values,
                                           const GaeOptions& options);

/// (x - mean) / sqrt(variance + 1e-8) over the numbers whose mask is above 0, the variance with
/// Bessel's correction; the others become 0. Fewer than two such numbers become 0.
void whiten(std::span<double> values, std::span<const double> mask);

/// How advantages of a group of answers to one prompt come from their rewards.
enum class GroupEstimator : uint8_t {
  kGrpo,    ///< (R - mean) / (deviation + 1e-4), the deviation with Bessel's correction (DeepSeek,
            ///< 2024)
  kRloo,    ///< R - mean of the others (Ahmadian et al., 2024)
  kDrGrpo,  ///< R - mean (Liu et al., 2025)
};
GroupEstimator group_estimator(std::string_view name);

/// One advantage per answer of a group. Answers whose reward is NaN (none was given) are left out
/// of the group and get 0, and so does everyone in a group whose rewards are all equal.
std::vector<double> group_advantages(std::span<const double> rewards, GroupEstimator estimator);
/// The standard deviation of the rewards that are there, with Bessel's correction; 0 for one.
double group_deviation(std::span<const double> rewards);
/// Whether all the rewards that are there are equal: such a group teaches nothing.
bool has_equal_rewards(std::span<const double> rewards);

/// The coefficient after one rollout of `answers` answers whose divergence was `kl` nats per
/// answer: it moves by at most 20% x answers / horizon towards `target` (Ziegler et al., 2019).
double adapted_coefficient(double coefficient, double kl, double target, double answers,
                           double horizon);

}  // namespace strata::trainer
