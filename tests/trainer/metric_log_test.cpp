// Means of a step do not depend on how it was split.
#include "trainer/loop/metric_log.h"

#include <gtest/gtest.h>

#include "parallel/comm/world.h"

namespace strata::trainer {
namespace {

TEST(MetricLog, MeansAreWeightedWhateverTheSplit) {
  const auto world = parallel::make_self();
  MetricLog whole, split;
  whole.add("loss", 6.0, 4.0);
  split.add("loss", 5.0, 1.0);
  split.add("loss", 1.0, 3.0);
  EXPECT_EQ(value_of(whole.reduce(*world), "loss", -1), 1.5);
  EXPECT_EQ(value_of(split.reduce(*world), "loss", -1), 1.5);
}

TEST(MetricLog, WhatWeighsNothingCountsInASumAndIsNoMeanAlone) {
  const auto world = parallel::make_self();
  MetricLog log;
  log.add("bits", 2.0, 0.0);
  log.add("bits", 1.0, 4.0);
  log.add("nothing", 1.0, 0.0);
  const MetricLog::Values values = log.reduce(*world);
  ASSERT_EQ(values.size(), 1u);
  EXPECT_EQ(values[0], (std::pair<std::string, double>("bits", 0.75)));
}

TEST(MetricLog, KeepsTheOrderAndEmptiesItself) {
  const auto world = parallel::make_self();
  MetricLog log;
  log.add("b", 1);
  log.set("a", 2);
  log.add("b", 3);
  const MetricLog::Values values = log.reduce(*world);
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(values[0], (std::pair<std::string, double>("b", 2)));
  EXPECT_EQ(values[1], (std::pair<std::string, double>("a", 2)));
  EXPECT_TRUE(log.reduce(*world).empty());
}

TEST(MetricLog, ErrorsOfABinCancelThoseOfTwoBinsDoNot) {
  const auto world = parallel::make_self();
  MetricLog log;
  log.add_by_bin("error", std::vector<double>{1.0, -0.5}, 2.0);
  log.add_by_bin("error", std::vector<double>{-0.25, -0.5}, 3.0);
  EXPECT_EQ(value_of(log.reduce(*world), "error", -1), (0.75 + 1.0) / 5);
}

}  // namespace
}  // namespace strata::trainer
