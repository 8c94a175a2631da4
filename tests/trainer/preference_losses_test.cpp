// The losses of reward models and of preferences as pure maths: values and gradients against
// PyTorch (tests/golden/make_preferences.py), and closed forms.
#include "trainer/objectives/preference_losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/safetensors.h"
#include "data/batch.h"
#include "tests/support/paths.h"
#include "trainer/objectives/comparisons.h"
#include "trainer/objectives/reward_losses.h"

namespace strata::trainer {
namespace {

class PreferenceGolden : public testing::Test {
 protected:
  PreferenceGolden() : file_(tests::tests_folder() / "golden" / "preferences.safetensors") {}

  at::Tensor golden(const std::string& name) const {
    const base::TensorInfo& info = file_.tensors().at(name);
    auto* bytes = const_cast<std::byte*>(file_.bytes(info).data());
    return at::from_blob(bytes, info.shape, at::kFloat).clone();
  }
  at::Tensor input(const std::string& name) const { return golden(name).requires_grad_(true); }

  void expect_same(const at::Tensor& ours, const std::string& name) const {
    const at::Tensor theirs = golden(name);
    ASSERT_EQ(ours.numel(), theirs.numel()) << name;
    const double worst = (ours.detach().flatten() - theirs.flatten()).abs().max().item<double>();
    EXPECT_LT(worst, 3e-6) << name;
  }

  base::SafetensorsReader file_;
};

/// A batch of `rows` rows of one token, with these columns.
data::Batch batch_of(int64_t rows, const std::map<std::string, std::vector<float>>& columns) {
  data::Batch batch;
  batch.rows = rows;
  batch.length = 1;
  for (int64_t row = 0; row < rows; ++row) batch.samples.push_back(row);
  batch.columns = columns;
  return batch;
}

std::vector<float> numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

/// Every number twice: a pair's, in both of its rows.
std::vector<float> for_both_rows(const at::Tensor& of_pairs) {
  return numbers(at::stack({of_pairs, of_pairs}, 1));
}

PreferenceOptions options_of(PreferenceLoss loss) {
  return {.loss = loss, .beta = 0.3, .desirable_weight = 1.3, .undesirable_weight = 0.7};
}

TEST_F(PreferenceGolden, BradleyTerryWithMarginTiesWeightsAndCentring) {
  const data::Batch batch = batch_of(14, {{"margin", for_both_rows(golden("margin"))},
                                          {"weight", for_both_rows(golden("weight"))},
                                          {"tie", for_both_rows(golden("tie"))}});
  const at::Tensor reward = input("reward");
  const at::Tensor loss = bradley_terry_loss(reward, compare(batch, 2), 0.01);
  loss.backward();
  expect_same(loss, "bradley_terry");
  expect_same(reward.grad(), "bradley_terry.grad0");
}

TEST_F(PreferenceGolden, AllPairsOfARankingWeighAsOnePrompt) {
  const data::Batch batch = batch_of(12, {{"rank", numbers(golden("ranks"))}});
  const at::Tensor reward = input("ranked");
  const at::Tensor loss = bradley_terry_loss(reward.flatten(), compare(batch, 4), 0);
  loss.backward();
  expect_same(loss, "ranking");
  expect_same(reward.grad(), "ranking.grad0");
}

TEST_F(PreferenceGolden, PlackettLuce) {
  const data::Batch batch = batch_of(12, {{"rank", numbers(golden("ranks"))}});
  const at::Tensor reward = input("ranked");
  const at::Tensor loss = plackett_luce_loss(reward, ranks(batch, 4), at::ones({3}));
  loss.backward();
  expect_same(loss, "plackett_luce");
  expect_same(reward.grad(), "plackett_luce.grad0");
}

TEST_F(PreferenceGolden, Ratings) {
  const at::Tensor reward = input("reward");
  const at::Tensor loss = rating_loss(reward, golden("rating"), at::ones({14}));
  loss.backward();
  expect_same(loss, "regression");
  expect_same(reward.grad(), "regression.grad0");
}

TEST_F(PreferenceGolden, LossesOfPairs) {
  const auto check = [&](const std::string& name, const PreferenceOptions& options) {
    const PreferenceSide chosen{input("policy_c"), golden("reference_c"), golden("tokens_c")};
    const PreferenceSide rejected{input("policy_r"), golden("reference_r"), golden("tokens_r")};
    const at::Tensor loss_p = preference_losses(options, chosen, rejected, at::ones({7}));
    at::sum(loss_p).backward();
    expect_same(loss_p, name);
    expect_same(chosen.logprob_p.grad(), name + ".grad0");
    expect_same(rejected.logprob_p.grad(), name + ".grad1");
  };
  PreferenceOptions smoothed = options_of(PreferenceLoss::kSigmoid);
  smoothed.label_smoothing = 0.1;
  check("sigmoid", smoothed);
  PreferenceOptions with_nll = options_of(PreferenceLoss::kSigmoid);
  with_nll.nll_coef = 0.25;
  check("sigmoid_nll", with_nll);
  PreferenceOptions robust = options_of(PreferenceLoss::kRobust);
  robust.label_smoothing = 0.1;
  check("robust", robust);
  check("ipo", options_of(PreferenceLoss::kIpo));
  check("orpo", options_of(PreferenceLoss::kOrpo));
}

TEST_F(PreferenceGolden, Kto) {
  const at::Tensor policy = input("policy_c");
  const at::Tensor loss_b = kto_losses(options_of(PreferenceLoss::kKto),
                                       policy - golden("reference_c"), golden("label"), 0.17);
  at::sum(loss_b).backward();
  expect_same(loss_b, "kto");
  expect_same(policy.grad(), "kto.grad0");
}

// ---- closed forms

PreferenceSide untrained(double tokens) {
  return {at::full({3}, -7.0), at::full({3}, -7.0), at::full({3}, tokens)};
}

TEST(PreferenceLosses, AtTheReferenceTheyAreKnown) {
  const auto loss_of = [](PreferenceLoss loss) {
    return preference_losses(options_of(loss), untrained(4), untrained(5), at::ones({3}))
        .mean()
        .item<double>();
  };
  EXPECT_NEAR(loss_of(PreferenceLoss::kSigmoid), std::numbers::ln2, 1e-7);
  EXPECT_NEAR(loss_of(PreferenceLoss::kRobust), std::numbers::ln2, 1e-7);
  EXPECT_NEAR(loss_of(PreferenceLoss::kIpo), 1 / (4 * 0.3 * 0.3), 1e-6);
}

TEST(PreferenceLosses, ATieIsTheMeanOfBothLabels) {
  const PreferenceSide good{at::full({1}, -3.0), at::full({1}, -5.0), at::full({1}, 4.0)};
  const PreferenceSide bad{at::full({1}, -6.0), at::full({1}, -5.0), at::full({1}, 4.0)};
  for (const auto loss : {PreferenceLoss::kSigmoid, PreferenceLoss::kRobust}) {
    PreferenceOptions options = options_of(loss);
    options.label_smoothing = 0.2;
    const auto at_label = [&](const PreferenceSide& a, const PreferenceSide& b, double target) {
      return preference_losses(options, a, b, at::full({1}, target)).item<double>();
    };
    EXPECT_NEAR(at_label(good, bad, 0.5), (at_label(good, bad, 1) + at_label(bad, good, 1)) / 2,
                1e-6);
  }
}

TEST(RewardLosses, EqualRewardsGiveLn2AndEqualRankingsLogFactorial) {
  const data::Batch pairs = batch_of(6, {});
  EXPECT_NEAR(bradley_terry_loss(at::zeros({6}), compare(pairs, 2), 0).item<double>(),
              3 * std::numbers::ln2, 1e-6);
  const at::Tensor rank = at::tensor({1.0F, 2.0F, 3.0F, 4.0F}).view({1, 4});
  EXPECT_NEAR(plackett_luce_loss(at::zeros({1, 4}), rank, at::ones({1})).item<double>(),
              std::log(24.0), 1e-6);
}

TEST(RewardLosses, PlackettLuceOfTwoIsBradleyTerry) {
  const at::Tensor reward = at::tensor({0.3F, -0.9F, 1.1F, 1.7F});
  const data::Batch pairs = batch_of(4, {});
  EXPECT_NEAR(
      plackett_luce_loss(reward.view({2, 2}), ranks(pairs, 2), at::ones({2})).item<double>(),
      bradley_terry_loss(reward, compare(pairs, 2), 0).item<double>(), 1e-6);
}

TEST(RewardLosses, ConfidenceIsHeldAgainstTheShareInTheRightOrder) {
  // Four pairs at sigma(gap) = 0.75 of which three are right are calibrated; a certain one that is
  // wrong is off by all of it; a tie at equal rewards is what it says.
  const float gap = std::log(3.0F);
  const data::Batch batch = batch_of(12, {{"tie", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}}});
  const at::Tensor reward =
      at::tensor(std::vector<float>{gap, 0, gap, 0, gap, 0, 0, gap, -50, 50, 2, 2});
  const Comparisons pairs = compare(batch, 2);
  const std::vector<double> off = overconfidence(reward_gaps(reward, pairs), pairs);
  ASSERT_EQ(off.size(), 10u);
  EXPECT_NEAR(off.front(), 0, 1e-6);
  EXPECT_NEAR(off[4] + off[5], 0, 1e-6);  // 2 x 0.75 - 1 is on the border of two bins
  EXPECT_NEAR(off.back(), -1, 1e-6);
}

TEST(Comparisons, WhatOnlyFillsUpIsComparedWithNothing) {
  data::Batch batch = batch_of(6, {{"rank", {2, 1, -1, 0, 0, 0}}});
  batch.samples = {0, 1, 2, -1, -1, -1};
  const Comparisons pairs = compare(batch, 3);
  ASSERT_EQ(pairs.better_p.size(0), 1);
  EXPECT_EQ(pairs.better_p[0].item<int64_t>(), 1);
  EXPECT_EQ(pairs.worse_p[0].item<int64_t>(), 0);
  EXPECT_EQ(prompt_weights(batch, 3), (std::vector<double>{1, 0}));
  // A batch of nothing but that has no pair, and a loss of 0 that one can go back from.
  batch.samples.assign(6, -1);
  const at::Tensor reward = at::zeros({6}).requires_grad_(true);
  const at::Tensor loss = bradley_terry_loss(reward, compare(batch, 3), 0.1);
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
}

}  // namespace
}  // namespace strata::trainer
