// Means over ranks, some of which know nothing of a metric.
#include <gtest/gtest.h>

#include <cmath>

#include "parallel/comm/world.h"
#include "trainer/loop/metric_log.h"

namespace strata::trainer {
namespace {

TEST(MetricLogMpi, EveryRankHearsTheSameMeans) {
  const auto world = parallel::make_world();
  MetricLog log;
  log.set("grad_norm", 0.5);
  if (world->rank() == world->size() - 1) log.add("loss", 3.0, 2.0);
  log.add("share", world->rank(), 1.0);
  const MetricLog::Values values = log.reduce(*world);
  EXPECT_EQ(value_of(values, "loss", -1), 1.5);
  EXPECT_EQ(value_of(values, "grad_norm", -1), 0.5);
  EXPECT_EQ(value_of(values, "share", -1), (world->size() - 1) / 2.0);
}

TEST(MetricLogMpi, BinsAreSummedOverRanksBeforeTheirErrorsAre) {
  const auto world = parallel::make_world();
  MetricLog log;
  const double sign = world->rank() % 2 == 0 ? 1 : -1;
  log.add_by_bin("error", std::vector<double>{sign, -0.5}, 2.0);
  const double off = (world->size() % 2) + 0.5 * world->size();
  EXPECT_EQ(value_of(log.reduce(*world), "error", -1), off / (2 * world->size()));
}

TEST(MetricLogMpi, NotANumberArrivesAsSuch) {
  const auto world = parallel::make_world();
  MetricLog log;
  log.add("loss", world->rank() == 0 ? std::nan("") : 1.0, 1.0);
  EXPECT_TRUE(std::isnan(value_of(log.reduce(*world), "loss", -1)));
}

}  // namespace
}  // namespace strata::trainer
