// The loader: a step is the same set on any layout, restarts change nothing, an uneven tail is
// filled up, a failure of the reading thread reaches the caller.
#include "data/loader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/error.h"

namespace strata::data {
namespace {

/// Sample i is one row of 1 + i % longest tokens, all of id i.
class Numbers : public Dataset {
 public:
  explicit Numbers(int64_t size, int64_t longest = 7, int64_t rows = 1)
      : size_(size), longest_(longest), rows_(rows) {}
  int64_t size() const override { return size_; }
  int64_t rows_per_sample() const override { return rows_; }
  int64_t length(int64_t sample) const override { return 1 + sample % longest_; }
  void get(int64_t sample, std::vector<Row>& rows) const override {
    if (sample == fail_at_) throw base::UserError(base::kBadData, "block 3 is damaged");
    const std::vector<int32_t> ids(static_cast<size_t>(length(sample)),
                                   static_cast<int32_t>(sample));
    for (int64_t r = 0; r < rows_; ++r) rows.push_back(one_document_row(ids, ids));
  }
  std::string describe() const override { return fmt::format("{} numbers", size_); }
  std::string fingerprint() const override { return describe(); }

  int64_t fail_at_ = -1;

 private:
  int64_t size_, longest_, rows_;
};

SampleStream training(int64_t size, int64_t longest = 7, uint64_t seed = 3) {
  std::vector<SampleStream::Source> sources;
  sources.push_back({std::make_unique<Numbers>(size, longest), 1.0});
  return SampleStream::training(std::move(sources), seed, true);
}

SampleStream evaluation(int64_t size) {
  std::vector<std::unique_ptr<Dataset>> datasets;
  datasets.push_back(std::make_unique<Numbers>(size));
  return SampleStream::evaluation(std::move(datasets));
}

LoaderOptions layout(int64_t global, int64_t micro, int rank, int size) {
  LoaderOptions options;
  options.global = global;
  options.micro = micro;
  options.sequence = 64;
  options.data_rank = rank;
  options.data_size = size;
  options.length_multiple = 4;
  return options;
}

/// One row of a batch with everything that goes into a loss.
using RowContent = std::tuple<std::vector<int32_t>, std::vector<int32_t>, std::vector<float>>;

std::map<int64_t, RowContent> rows_of(const std::vector<Batch>& batches) {
  std::map<int64_t, RowContent> rows;
  for (const Batch& batch : batches) {
    for (int64_t r = 0; r < batch.rows; ++r) {
      const auto part = [&](const auto& values) {
        return std::vector(values.begin() + r * batch.length,
                           values.begin() + (r + 1) * batch.length);
      };
      const bool fresh =
          rows.emplace(batch.samples[static_cast<size_t>(r)],
                       RowContent{part(batch.tokens), part(batch.targets), part(batch.weights)})
              .second;
      EXPECT_TRUE(fresh || batch.samples[static_cast<size_t>(r)] == -1);
    }
  }
  return rows;
}

TEST(Trap21DataOrder, AStepIsTheSameSetForAnyRanksAndMicroBatch) {
  const SampleStream stream = training(50);
  for (int64_t k : {0, 1, 7, 100}) {
    const auto expected = rows_of(batches_of_step(stream, layout(12, 12, 0, 1), k));
    EXPECT_EQ(expected.size(), 12u);
    EXPECT_EQ(expected.begin()->first, 12 * k);
    for (int ranks : {1, 2, 3, 4, 6, 12}) {
      for (int64_t micro = 1; micro <= 12 / ranks; ++micro) {
        if (12 % (ranks * micro) != 0) continue;
        std::map<int64_t, RowContent> together;
        for (int rank = 0; rank < ranks; ++rank) {
          const auto batches = batches_of_step(stream, layout(12, micro, rank, ranks), k);
          EXPECT_EQ(static_cast<int64_t>(batches.size()), 12 / ranks / micro);
          together.merge(rows_of(batches));
        }
        EXPECT_EQ(together, expected) << ranks << " ranks, micro " << micro << ", step " << k;
      }
    }
  }
}

// What the ranks hold together, put back by places, is the whole row: targets were shifted before
// the cut.
TEST(Loader, RanksThatShareRowsTakeAChunkFromEachEnd) {
  const SampleStream stream = training(50, 24);
  for (const int ranks : {2, 3, 4}) {
    LoaderOptions options = layout(6, 3, 0, 1);
    options.length_multiple = 2 * ranks;
    options.sequence = 24;
    const std::vector<Batch> whole = batches_of_step(stream, options, 1);
    std::vector<Batch> together = whole;
    for (Batch& batch : together) {
      std::ranges::fill(batch.tokens, -1);
      std::ranges::fill(batch.targets, -1);
      std::ranges::fill(batch.bytes, 0);
    }
    options.context_size = ranks;
    for (int rank = 0; rank < ranks; ++rank) {
      options.context_rank = rank;
      const std::vector<Batch> own = batches_of_step(stream, options, 1);
      for (size_t m = 0; m < own.size(); ++m) {
        const int64_t chunk = whole[m].length / (2 * ranks);
        ASSERT_EQ(own[m].length, 2 * chunk);
        EXPECT_EQ(own[m].places.front(), rank * chunk);
        EXPECT_EQ(own[m].places.back(), (2 * ranks - rank) * chunk - 1);
        EXPECT_EQ(own[m].samples, whole[m].samples);
        for (int64_t r = 0; r < own[m].rows; ++r) {
          together[m].bytes[r] += own[m].bytes[r];
          for (int64_t t = 0; t < own[m].length; ++t) {
            const int64_t to = r * whole[m].length + own[m].places[t];
            together[m].tokens[to] = own[m].tokens[r * own[m].length + t];
            together[m].targets[to] = own[m].targets[r * own[m].length + t];
          }
        }
      }
    }
    for (size_t m = 0; m < whole.size(); ++m) {
      EXPECT_EQ(together[m].tokens, whole[m].tokens);
      EXPECT_EQ(together[m].targets, whole[m].targets);
      EXPECT_EQ(together[m].bytes, whole[m].bytes);
    }
  }
}

TEST(Loader, RowsArePaddedToTheLongestOfTheGlobalStep) {
  const SampleStream stream = training(200, 30);
  for (int64_t k = 0; k < 20; ++k) {
    int64_t longest = 0;
    for (int64_t n = 4 * k; n < 4 * k + 4; ++n) longest = std::max(longest, stream.length(n));
    for (int rank : {0, 1}) {
      for (const Batch& batch : batches_of_step(stream, layout(4, 1, rank, 2), k)) {
        EXPECT_EQ(batch.length, (longest + 3) / 4 * 4);
      }
    }
  }
  LoaderOptions narrow = layout(4, 4, 0, 1);
  narrow.sequence = 30;
  narrow.length_multiple = 64;
  EXPECT_EQ(batches_of_step(stream, narrow, 0)[0].length, 30);
}

TEST(Loader, GoesOnFromAnyStepAsIfNeverStopped) {
  DataLoader straight(training(23), layout(4, 2, 0, 1));
  std::vector<std::map<int64_t, RowContent>> steps;
  for (int k = 0; k < 15; ++k) steps.push_back(rows_of(straight.next()));
  for (int64_t k : {0, 3, 14}) {
    DataLoader again(training(23), layout(4, 2, 0, 1));
    again.next();
    again.restore({k});
    EXPECT_EQ(rows_of(again.next()), steps[static_cast<size_t>(k)]);
    EXPECT_EQ(again.state().next_step, k + 1);
  }
  EXPECT_GE(straight.wait_seconds(), 0);
}

TEST(Loader, EveryEpochSeesEverySampleOnceAcrossSteps) {
  const SampleStream stream = training(24);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::multiset<int32_t> seen;
    for (int64_t k = 0; k < 6; ++k) {
      for (const auto& [sample, row] :
           rows_of(batches_of_step(stream, layout(4, 4, 0, 1), 6 * epoch + k))) {
        seen.insert(std::get<0>(row)[0]);
      }
    }
    EXPECT_EQ(seen.size(), 24u);
    EXPECT_EQ(std::set<int32_t>(seen.begin(), seen.end()).size(), 24u);
  }
  EXPECT_EQ(steps_of_epochs(stream, 1, 4), 6);
  EXPECT_EQ(steps_of_epochs(stream, 1, 5), 5);
  EXPECT_EQ(steps_of_epochs(stream, 3, 5), 15);
}

TEST(Trap21DataOrder, AnUnevenTailIsFilledUpSoThatAllRanksMakeTheSameCalls) {
  std::multiset<int64_t> samples;
  double weight = 0;
  for (int rank = 0; rank < 4; ++rank) {
    DataLoader loader(evaluation(10), layout(8, 1, rank, 4));
    EXPECT_EQ(loader.steps(), 2);
    for (int k = 0; k < 2; ++k) {
      const auto batches = loader.next();
      EXPECT_EQ(batches.size(), 2u);
      for (const Batch& batch : batches) {
        EXPECT_EQ(batch.rows, 1);
        samples.insert(batch.samples[0]);
        for (float w : batch.weights) weight += w;
        if (batch.samples[0] == -1) {
          EXPECT_EQ(std::ranges::count(batch.targets, kNoTarget), batch.length);
        }
      }
    }
    EXPECT_TRUE(loader.next().empty());
    EXPECT_TRUE(loader.next().empty());
  }
  EXPECT_EQ(samples,
            (std::multiset<int64_t>{-1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(weight, 1 + 2 + 3 + 4 + 5 + 6 + 7 + 1 + 2 + 3);
}

TEST(Loader, PairsTakeTwoRowsWithNumbersOfTheirOwn) {
  std::vector<std::unique_ptr<Dataset>> datasets;
  datasets.push_back(std::make_unique<Numbers>(3, 5, 2));
  const auto stream = SampleStream::evaluation(std::move(datasets));
  const auto batches = batches_of_step(stream, layout(4, 2, 0, 1), 0);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].rows, 4);
  EXPECT_EQ(batches[0].samples, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(batches[1].samples, (std::vector<int64_t>{4, 5, -1, -1}));
}

TEST(Loader, AFailureOfTheThreadIsThrownByNext) {
  auto numbers = std::make_unique<Numbers>(10);
  numbers->fail_at_ = 5;
  std::vector<SampleStream::Source> sources;
  sources.push_back({std::move(numbers), 1.0});
  DataLoader loader(SampleStream::training(std::move(sources), 1, false), layout(2, 2, 0, 1));
  EXPECT_EQ(loader.next().size(), 1u);
  EXPECT_EQ(loader.next().size(), 1u);
  for (int i = 0; i < 2; ++i) EXPECT_THROW(loader.next(), base::UserError);
}

TEST(Loader, EndsAtOnceWhateverItIsDoing) {
  for (int i = 0; i < 200; ++i) {
    DataLoader loader(training(1000), layout(8, 4, 0, 1));
    if (i % 2) loader.next();
    if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

TEST(Loader, SourcesAreMixedByWeight) {
  std::vector<SampleStream::Source> sources;
  sources.push_back({std::make_unique<Numbers>(100, 1), 3.0});
  sources.push_back({std::make_unique<Numbers>(5, 7), 1.0});
  const auto stream = SampleStream::training(std::move(sources), 9, true);
  EXPECT_EQ(stream.epoch_size(), 105);
  int64_t longer = 0;
  for (int64_t n = 0; n < 4000; ++n) longer += stream.length(n) > 1;
  EXPECT_EQ(longer, 800);  // of five numbers 0..4, one has length 1
  std::vector<SampleStream::Source> mixed;
  mixed.push_back({std::make_unique<Numbers>(5, 7, 1), 1.0});
  mixed.push_back({std::make_unique<Numbers>(5, 7, 2), 1.0});
  EXPECT_THROW(SampleStream::training(std::move(mixed), 1, true), base::UserError);
}

}  // namespace
}  // namespace strata::data
