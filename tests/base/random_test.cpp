#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <numbers>
#include <vector>

#include "base/checksum.h"

namespace strata::base {
namespace {

TEST(Philox, KnownAnswersOfTheReference) {
  // kat_vectors of Random123: philox4x32 10.
  EXPECT_EQ(philox(0, 0), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~0ull, ~0ull, ~0ull),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, AnyPieceEqualsItsPartOfTheWhole) {
  constexpr int64_t kWhole = 3001;
  for (auto fill : {fill_uniform, fill_normal}) {
    std::vector<float> whole(kWhole);
    fill(whole.data(), kWhole, 77, 0, 0.5f, 2.0f);
    for (int64_t first : {0, 1, 2, 3, 4, 5, 255, 256, 257, 1000}) {
      for (int64_t count : {0, 1, 3, 4, 255, 256, 257, 2000}) {
        std::vector<float> piece(static_cast<size_t>(count));
        fill(piece.data(), count, 77, first, 0.5f, 2.0f);
        EXPECT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + first))
            << first << " " << count;
      }
    }
  }
}

TEST(Random, NormalsAreBoxMullerOfTheBlocksWords) {
  constexpr int64_t kCount = 100000,
                    kFirst = int64_t{1} << 36;  // the counter's high half takes part
  std::vector<float> draws(kCount);
  fill_normal(draws.data(), kCount, 5, kFirst, 0.0f, 1.0f);
  for (int64_t i = 0; i < kCount; i += 2) {
    const PhiloxBlock block = philox(5, static_cast<uint64_t>((kFirst + i) / 4));
    const size_t word = static_cast<size_t>(i % 4);
    const double radius = std::sqrt(-2 * std::log(to_open_unit(block[word])));
    const double angle = 2 * std::numbers::pi * to_unit(block[word + 1]);
    EXPECT_NEAR(draws[static_cast<size_t>(i)], radius * std::cos(angle), 1e-4);
    EXPECT_NEAR(draws[static_cast<size_t>(i) + 1], radius * std::sin(angle), 1e-4);
  }
}

TEST(Random, MomentsAndRange) {
  constexpr int64_t kCount = 1 << 20;
  std::vector<float> draws(kCount);
  fill_normal(draws.data(), kCount, 9, 0, 1.0f, 2.0f);
  double sum = 0, squares = 0, fourth = 0;
  for (const float x : draws) {
    const double z = (x - 1.0) / 2.0;
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 5e-3);
  EXPECT_NEAR(squares / kCount, 1.0, 7e-3);
  EXPECT_NEAR(fourth / kCount, 3.0, 5e-2);

  fill_uniform(draws.data(), kCount, 9, 0, -1.0f, 3.0f);
  const auto [low, high] = std::minmax_element(draws.begin(), draws.end());
  EXPECT_GE(*low, -1.0f);
  EXPECT_LT(*high, 3.0f);
  EXPECT_LT(*low, -0.99f);
  EXPECT_GT(*high, 2.99f);
}

TEST(Random, TheBitsArePinned) {
  std::vector<float> draws(1000);
  fill_normal(draws.data(), 1000, stream_key(1, "model.embed_tokens.weight"), 0, 0.0f, 0.02f);
  EXPECT_EQ(crc32c(draws.data(), 4000), 0x192145f0u);
  fill_uniform(draws.data(), 1000, stream_key(1, "model.embed_tokens.weight"), 0, 0.0f, 1.0f);
  EXPECT_EQ(crc32c(draws.data(), 4000), 0xb30ee562u);
}

/// Seconds that this thread has computed: other work on the machine does not count.
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

TEST(Random, ASmallModelStartsInNoTime) {
  std::vector<float> weights(4 << 20);
  const double begin = thread_seconds();
  fill_normal(weights.data(), static_cast<int64_t>(weights.size()), 1, 0, 0.0f, 0.02f);
  EXPECT_LT(thread_seconds() - begin,
            0.2);  // 14 ms on an idle core; caches are shared with other work
}

TEST(StreamKey, SeparatesSeedsAndNames) {
  EXPECT_NE(stream_key(1, "a"), stream_key(1, "b"));
  EXPECT_NE(stream_key(1, "a"), stream_key(2, "a"));
  EXPECT_EQ(stream_key(1, "a"), stream_key(1, "a"));
}

TEST(Permute, IsABijectionForEverySmallSize) {
  for (uint64_t size = 1; size <= 300; ++size) {
    std::vector<bool> seen(size, false);
    for (uint64_t i = 0; i < size; ++i) {
      const uint64_t to = permute(i, size, 42 + size);
      ASSERT_LT(to, size);
      EXPECT_FALSE(seen[to]) << size;
      seen[to] = true;
    }
  }
}

TEST(Permute, IsABijectionOfManyElements) {
  constexpr uint64_t kSize = 100003;
  std::vector<bool> seen(kSize, false);
  for (uint64_t i = 0; i < kSize; ++i) seen[permute(i, kSize, 7)] = true;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<int64_t>(kSize));
}

TEST(Permute, EveryOrderOfFourComesUp) {
  std::map<std::vector<uint64_t>, int> orders;
  for (uint64_t key = 0; key < 24000; ++key) {
    orders[{permute(0, 4, key), permute(1, 4, key), permute(2, 4, key), permute(3, 4, key)}]++;
  }
  EXPECT_EQ(orders.size(), 24u);
  for (const auto& [order, count] : orders) EXPECT_NEAR(count, 1000, 250);
}

TEST(Permute, SpreadsNeighbours) {
  constexpr uint64_t kSize = 1 << 20;
  double distance = 0;
  for (uint64_t i = 0; i + 1 < 10000; ++i) {
    distance += std::abs(static_cast<double>(permute(i, kSize, 3)) -
                         static_cast<double>(permute(i + 1, kSize, 3)));
  }
  EXPECT_NEAR(distance / 9999 / kSize, 1.0 / 3, 0.02);  // of two random points
}

TEST(Permute, WorksNearTheLargestSizes) {
  const uint64_t size = ~uint64_t{0};
  EXPECT_NE(permute(0, size, 1), permute(1, size, 1));
  EXPECT_LT(permute(size - 1, size, 1), size);
}

}  // namespace
}  // namespace strata::base
