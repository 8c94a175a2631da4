// The choice of tokens from logits.
#include "model/sampling.h"

#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

namespace strata::model {
namespace {

const std::vector<float> kLogits = {1.0F, 3.0F, 2.0F, 3.0F, -1.0F};

at::Tensor rows_of(size_t count) {
  return at::tensor(at::ArrayRef<float>(kLogits))
      .unsqueeze(0)
      .repeat({static_cast<int64_t>(count), 1});
}

/// Frequencies of the tokens over many answers; every log-probability must be the expected one.
std::map<int, double> frequencies(const SamplingConfig& sampling,
                                  const std::map<int, double>& expected) {
  constexpr int kDraws = 20000;
  std::vector<Draw> draws(kDraws);
  for (int i = 0; i < kDraws; ++i) draws[i].answer = i;
  std::map<int, double> counts;
  for (const Choice& choice : choose(rows_of(kDraws), draws, sampling)) {
    counts[choice.token] += 1.0 / kDraws;
    EXPECT_NEAR(std::exp(choice.logprob), expected.at(choice.token), 1e-5);
  }
  return counts;
}

std::map<int, double> distribution(double temperature, const std::vector<int>& kept) {
  std::map<int, double> result;
  double sum = 0;
  for (int id : kept) sum += result[id] = std::exp(kLogits[id] / temperature);
  for (auto& [id, p] : result) p /= sum;
  return result;
}

void expect_drawn_from(const SamplingConfig& sampling, const std::map<int, double>& expected) {
  const auto seen = frequencies(sampling, expected);
  for (const auto& [id, p] : expected)
    EXPECT_NEAR(seen.count(id) ? seen.at(id) : 0, p, 0.012) << "token " << id;
  EXPECT_LE(seen.size(), expected.size());
}

TEST(Sampling, DrawsFromTheDistributionOfTheTemperature) {
  expect_drawn_from({.temperature = 1.0}, distribution(1.0, {0, 1, 2, 3, 4}));
  expect_drawn_from({.temperature = 0.5}, distribution(0.5, {0, 1, 2, 3, 4}));
}

TEST(Sampling, TopKKeepsTheMostLikely) {
  expect_drawn_from({.top_k = 3}, distribution(1.0, {1, 2, 3}));
  expect_drawn_from({.top_k = 1}, distribution(1.0, {1}));
}

TEST(Sampling, TopPKeepsTheSmallestSetWithEnoughMass) {
  const auto all = distribution(1.0, {0, 1, 2, 3, 4});
  expect_drawn_from({.top_p = all.at(1) + all.at(3) + 0.01}, distribution(1.0, {1, 2, 3}));
  expect_drawn_from({.top_p = 1e-9}, distribution(1.0, {1}));
  // After top_k the mass is renormalised: 0.9 of {1, 3} needs both.
  expect_drawn_from({.top_k = 2, .top_p = 0.9}, distribution(1.0, {1, 3}));
}

TEST(Sampling, GreedyTakesTheFirstAmongEqualsAndTellsItsPlainLogProbability) {
  const std::vector<Draw> draws(1);
  const Choice choice = choose(rows_of(1), draws, {.temperature = 0})[0];
  EXPECT_EQ(choice.token, 1);
  EXPECT_NEAR(choice.logprob, at::log_softmax(rows_of(1), -1)[0][1].item<double>(), 1e-6);
}

TEST(Sampling, ADrawIsAFunctionOfItsNamesAlone) {
  std::vector<Draw> draws;
  for (int answer = 0; answer < 40; ++answer)
    draws.push_back({.answer = answer, .position = answer % 7});
  const auto together = choose(rows_of(draws.size()), draws, {});
  const auto other_step = choose(rows_of(draws.size()), draws, {.step = 1});
  int different = 0;
  for (size_t i = 0; i < draws.size(); ++i) {
    const auto alone = choose(rows_of(1), std::span(&draws[i], 1), {});
    EXPECT_EQ(alone[0].token, together[i].token);
    different += together[i].token != other_step[i].token;
  }
  EXPECT_GT(different, 5);
}

}  // namespace
}  // namespace strata::model
