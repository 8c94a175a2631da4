// The arithmetic of PPO and GRPO: against PyTorch's losses, gradients and statistics
// (tests/golden/make_rl.py), against closed forms, and on a toy world whose best policy is known.
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/json.h"
#include "tests/support/paths.h"
#include "trainer/rl/advantages.h"
#include "trainer/rl/losses.h"

namespace strata::trainer {
namespace {

constexpr double kNear = 1e-12;

base::Json golden(const char* part) {
  return base::read_json(tests::tests_folder() / "golden" / "rl.json").at(part);
}

std::vector<double> list(const base::Json& json, const char* key) {
  return json.at(key).get<std::vector<double>>();
}

at::Tensor matrix(const base::Json& json, const char* key) {
  return at::tensor(list(json, key)).view({3, -1});
}

void expect_near(const at::Tensor& ours, const at::Tensor& theirs) {
  EXPECT_LT(ours.sub(theirs).abs().max().item<double>(), kNear);
}

void expect_near(const std::vector<double>& ours, const std::vector<double>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], kNear) << i;
}

TEST(RlLosses, PolicyLossAndItsGradientArePyTorchs) {
  const base::Json json = golden("losses");
  at::Tensor logprobs = matrix(json, "new").requires_grad_(true);
  const PolicyLoss loss = clipped_policy_loss(logprobs, matrix(json, "old"),
                                              matrix(json, "advantages"), json.at("clip"));
  expect_near(loss.loss_bt, matrix(json, "policy"));
  loss.loss_bt.sum().backward();
  expect_near(logprobs.grad(), matrix(json, "policy_grad"));
}

TEST(RlLosses, ValueLossAndItsGradientArePyTorchs) {
  const base::Json json = golden("losses");
  at::Tensor values = matrix(json, "values").requires_grad_(true);
  const ValueLoss loss = clipped_value_loss(values, matrix(json, "old_values"),
                                            matrix(json, "returns"), json.at("value_clip"));
  expect_near(loss.loss_bt, matrix(json, "value"));
  loss.loss_bt.sum().backward();
  expect_near(values.grad(), matrix(json, "value_grad"));
}

TEST(RlLosses, K3AndItsGradientArePyTorchs) {
  const base::Json json = golden("losses");
  at::Tensor logprobs = matrix(json, "new").requires_grad_(true);
  const at::Tensor k3 = k3_divergence(logprobs, matrix(json, "reference"));
  expect_near(k3, matrix(json, "k3"));
  k3.sum().backward();
  expect_near(logprobs.grad(), matrix(json, "k3_grad"));
}

TEST(RlLosses, ClippingOnlyRaisesTheLossAndNothingIsClippedAtTheStart) {
  const base::Json json = golden("losses");
  const at::Tensor old = matrix(json, "old"), advantages = matrix(json, "advantages");
  const PolicyLoss moved = clipped_policy_loss(matrix(json, "new"), old, advantages, 0.2);
  EXPECT_GE(moved.loss_bt.add(advantages.mul(moved.ratio_bt)).min().item<double>(), -kNear);
  EXPECT_GT(moved.is_clipped_bt.sum().item<double>(), 0);
  const PolicyLoss start = clipped_policy_loss(old, old, advantages, 0.2);
  expect_near(start.loss_bt, advantages.neg());
  EXPECT_EQ(start.is_clipped_bt.sum().item<double>(), 0);
}

TEST(Advantages, GaeAndWhiteningArePyTorchs) {
  const base::Json json = golden("advantages");
  std::vector<double> advantages = generalised_advantages(
      list(json, "rewards"), list(json, "values"), {json.at("gamma"), json.at("lambda")});
  expect_near(advantages, list(json, "advantages"));
  const std::vector<double> mask(advantages.size(), 1.0);
  whiten(advantages, mask);
  expect_near(advantages, list(json, "whitened"));
}

TEST(Advantages, LambdaOneIsTheReturnMinusTheValueAndLambdaZeroTheDelta) {
  const std::vector<double> rewards{0.5, -1, 0, 2}, values{0.3, 0.1, -0.7, 1.5};
  const std::vector<double> whole = generalised_advantages(rewards, values, {1, 1});
  double rest = 0;
  for (size_t t = rewards.size(); t-- > 0;) {
    rest += rewards[t];
    EXPECT_NEAR(whole[t], rest - values[t], kNear);
  }
  const std::vector<double> delta = generalised_advantages(rewards, values, {1, 0});
  for (size_t t = 0; t < rewards.size(); ++t) {
    const double next = t + 1 < values.size() ? values[t + 1] : 0;
    EXPECT_NEAR(delta[t], rewards[t] + next - values[t], kNear);
  }
}

TEST(Advantages, TheScoreIsOnTheLastTokenAlone) {
  const std::vector<double> nothing(5, 0.0);
  const std::vector<double> rewards = penalised_rewards(nothing, 0.3, 2.5);
  EXPECT_EQ(rewards, (std::vector<double>{0, 0, 0, 0, 2.5}));
}

TEST(Advantages, WhiteningLeavesOutWhatTheMaskLeavesOut) {
  std::vector<double> some{1, 100, 3, 5}, all{1, 3, 5};
  whiten(some, std::vector<double>{1, 0, 1, 1});
  whiten(all, std::vector<double>{1, 1, 1});
  EXPECT_EQ(some, (std::vector<double>{all[0], 0, all[1], all[2]}));
  std::vector<double> one{7};
  whiten(one, std::vector<double>{1});
  EXPECT_EQ(one, std::vector<double>{0});
}

TEST(Advantages, GroupsArePyTorchs) {
  const base::Json json = golden("advantages");
  for (const char* name : {"grpo", "rloo", "dr_grpo"}) {
    SCOPED_TRACE(name);
    expect_near(group_advantages(list(json, "group"), group_estimator(name)), list(json, name));
  }
}

TEST(Advantages, EqualAndMissingRewardsGiveNothing) {
  const double none = std::nan("");
  const std::vector<double> zeros(3, 0.0);
  EXPECT_EQ(group_advantages(std::vector<double>{2, 2, 2}, GroupEstimator::kGrpo), zeros);
  EXPECT_EQ(group_advantages(std::vector<double>{2, none, none}, GroupEstimator::kRloo), zeros);
  EXPECT_EQ(group_advantages(std::vector<double>{none, none, none}, GroupEstimator::kGrpo), zeros);
  const std::vector<double> with =
      group_advantages(std::vector<double>{1, none, 3}, GroupEstimator::kRloo);
  EXPECT_EQ(with, (std::vector<double>{-2, 0, 2}));
}

TEST(Advantages, TheCoefficientFollowsTheDivergenceWithinBounds) {
  EXPECT_NEAR(adapted_coefficient(0.2, 12, 6, 100, 10000), 0.2 * (1 + 0.2 * 0.01), kNear);
  EXPECT_NEAR(adapted_coefficient(0.2, 0, 6, 100, 10000), 0.2 * (1 - 0.2 * 0.01), kNear);
  EXPECT_NEAR(adapted_coefficient(0.2, 6.6, 6, 100, 10000), 0.2 * (1 + 0.1 * 0.01), kNear);
}

// Eight letters, twelve places, a score for every 'a', a uniform reference: the best policy gives
// 'a' half of the time. The policy gradient is exact here: no sampling hides what an estimator in
// the reward leads to.
struct ToyOutcome {
  double count, divergence;
};

ToyOutcome train_toy(KlEstimator estimator) {
  constexpr int kLetters = 8, kPlaces = 12;
  constexpr double kBeta = 0.2;
  const double score = kBeta * std::log(7.0), uniform = std::log(1.0 / kLetters);
  std::vector<double> logits(kLetters, 0.0), policy(kLetters);
  double divergence = 0;
  for (int step = 0; step < 4000 && policy[0] < 0.999; ++step) {
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit);
    divergence = 0;
    std::vector<double> reward(kLetters);
    double mean = 0;
    for (size_t a = 0; a < kLetters; ++a) {
      policy[a] = std::exp(logits[a]) / sum;
      const double log_ratio = std::log(policy[a]) - uniform;
      divergence += policy[a] * log_ratio;
      reward[a] = penalised_rewards(std::vector<double>{log_ratio}, kBeta, a == 0 ? score : 0,
                                    estimator)[0];
      mean += policy[a] * reward[a];
    }
    for (size_t a = 0; a < kLetters; ++a) logits[a] += policy[a] * (reward[a] - mean);
  }
  return {kPlaces * policy[0], kPlaces * divergence};
}

TEST(ToyWorld, K1InTheRewardReachesTheClosedForm) {
  const ToyOutcome outcome = train_toy(KlEstimator::kK1);
  EXPECT_NEAR(outcome.count, 6.0, 0.01);
  EXPECT_NEAR(outcome.divergence, 4.96, 0.01);
}

TEST(ToyWorld, K2AndK3InTheRewardCollapse) {
  for (const KlEstimator estimator : {KlEstimator::kK2, KlEstimator::kK3}) {
    const ToyOutcome outcome = train_toy(estimator);
    EXPECT_GT(outcome.count, 11.5);
    EXPECT_GT(outcome.divergence, 24);
  }
}

}  // namespace
}  // namespace strata::trainer
