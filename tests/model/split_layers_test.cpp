// The cut of layers into stages and chunks.
#include <gtest/gtest.h>

#include <numeric>

#include "model/decoder.h"

namespace strata::model {
namespace {

TEST(SplitLayers, EqualCostsGiveEqualParts) {
  EXPECT_EQ(split_layers({1, 1, 1, 1, 1, 1}, 3), (std::vector<int>{2, 2, 2}));
  EXPECT_EQ(split_layers({1, 1, 1, 1}, 1), (std::vector<int>{4}));
}

TEST(SplitLayers, WhatIsLeftOverIsSpreadAndTheLastPartGetsTheFewest) {
  EXPECT_EQ(split_layers({1, 1, 1, 1, 1, 1, 1}, 3), (std::vector<int>{3, 2, 2}));
}

TEST(SplitLayers, AnExpensiveHeadTakesLayersAway) {
  EXPECT_EQ(split_layers({1, 1, 1, 1, 1, 1}, 2, 0, 2), (std::vector<int>{4, 2}));
  EXPECT_EQ(split_layers({1, 1, 1, 1}, 2, 0, 100), (std::vector<int>{3, 1}));
  EXPECT_EQ(split_layers({1, 1, 1, 1}, 2, 100, 0), (std::vector<int>{1, 3}));
}

TEST(SplitLayers, NoCutHasASmallerLargestPart) {
  const std::vector<double> costs = {3, 1, 4, 1, 5, 9, 2, 6};
  const std::vector<int> counts = split_layers(costs, 3, 2, 3);
  const auto largest = [&](int a, int b) {
    const auto sum = [&](int from, int to) {
      return std::accumulate(costs.begin() + from, costs.begin() + to, 0.0);
    };
    return std::max({sum(0, a) + 2, sum(a, b), sum(b, 8) + 3});
  };
  double best = 1e9;
  for (int a = 1; a < 7; ++a) {
    for (int b = a + 1; b < 8; ++b) best = std::min(best, largest(a, b));
  }
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0), 8);
  EXPECT_EQ(largest(counts[0], counts[0] + counts[1]), best);
}

}  // namespace
}  // namespace strata::model
