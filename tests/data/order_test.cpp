// The order of samples: exact proportions, every sample once a pass, a new order every pass,
// nothing else that matters.
#include "data/order.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

namespace strata::data {
namespace {

TEST(Blend, GivesEverySourceItsShareOfEveryPrefix) {
  for (const std::vector<double>& weights : {std::vector<double>{1},
                                             {1, 1},
                                             {1, 1, 1},
                                             {0.7, 0.3},
                                             {5, 1, 1, 0.01, 3},
                                             {1e-9, 1},
                                             {2, 3, 5, 7, 11, 13, 17}}) {
    const Blend blend(weights);
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<int64_t> counts(weights.size());
    for (int64_t n = 0; n < 20000; ++n) {
      const SamplePlace place = blend.at(n);
      ASSERT_EQ(
          place.index,
          counts[static_cast<size_t>(place.source)]++);  // random access knows what came before
      for (size_t s = 0; s < weights.size(); ++s) {
        ASSERT_LE(std::abs(static_cast<double>(counts[s]) -
                           static_cast<double>(n + 1) * weights[s] / total),
                  2.0)
            << "source " << s << " after " << n + 1;
      }
    }
  }
}

TEST(Blend, IsExactFarOut) {
  const Blend blend({1, 3});
  const int64_t n = int64_t{1} << 60;
  std::vector<int> counts(2);
  for (int64_t i = 0; i < 4; ++i) ++counts[static_cast<size_t>(blend.at(n + i).source)];
  EXPECT_EQ(counts, (std::vector<int>{1, 3}));
}

TEST(TrainingOrder, EveryPassHoldsEverySampleOnceInANewOrder) {
  for (int64_t size : {1, 2, 3, 10, 97, 1000}) {
    const TrainingOrder order({{size, 1.0}}, 7, true);
    std::vector<int64_t> last;
    for (int64_t pass = 0; pass < 3; ++pass) {
      std::vector<int64_t> seen;
      for (int64_t i = 0; i < size; ++i) seen.push_back(order.at(pass * size + i).index);
      EXPECT_EQ(std::set<int64_t>(seen.begin(), seen.end()).size(), static_cast<size_t>(size));
      if (size >= 10) {
        EXPECT_NE(seen, last);
      }
      last = seen;
    }
  }
}

TEST(TrainingOrder, DependsOnTheSeedAndIsInPlaceWithoutShuffling) {
  const TrainingOrder one({{100, 1.0}}, 1, true), again({{100, 1.0}}, 1, true),
      two({{100, 1.0}}, 2, true);
  int differ = 0;
  for (int64_t n = 0; n < 100; ++n) {
    EXPECT_EQ(one.at(n), again.at(n));
    differ += one.at(n) != two.at(n);
  }
  EXPECT_GT(differ, 80);
  const TrainingOrder plain({{100, 1.0}}, 1, false);
  for (int64_t n = 0; n < 250; ++n) EXPECT_EQ(plain.at(n), (SamplePlace{0, n % 100}));
}

TEST(TrainingOrder, SourcesKeepTheirOwnPasses) {
  const TrainingOrder order({{10, 1.0}, {40, 3.0}}, 5, true);
  std::vector<std::vector<int64_t>> seen(2);
  for (int64_t n = 0; n < 400; ++n) {
    const SamplePlace place = order.at(n);
    seen[static_cast<size_t>(place.source)].push_back(place.index);
  }
  ASSERT_NEAR(static_cast<double>(seen[0].size()), 100, 1);
  const std::set<int64_t> pass(seen[1].begin(), seen[1].begin() + 40);
  EXPECT_EQ(pass.size(), 40u);
}

TEST(EvaluationOrder, IsEverySampleInPlace) {
  const EvaluationOrder order({3, 0, 2});
  ASSERT_EQ(order.size(), 5);
  const std::vector<SamplePlace> expected{{0, 0}, {0, 1}, {0, 2}, {2, 0}, {2, 1}};
  for (int64_t n = 0; n < 5; ++n) EXPECT_EQ(order.at(n), expected[static_cast<size_t>(n)]);
  EXPECT_EQ(EvaluationOrder({}).size(), 0);
}

}  // namespace
}  // namespace strata::data
