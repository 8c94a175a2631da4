// Answers as micro-batches: every token's numbers stand where it is the target, whatever the split
// over ranks, and ranks make equally many micro-batches.
#include "trainer/rl/answer_batches.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace strata::trainer {
namespace {

/// Answer i has i % 3 + 1 tokens after a prompt of i % 2 + 1; the number of its token t is
/// 10 i + t.
struct Example {
  explicit Example(int64_t count) : prompts(static_cast<size_t>(count)), rollout(make(count)) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t t = 0; t < rollout.length(i); ++t)
        numbers.push_back(10.0 * static_cast<double>(i) + static_cast<double>(t));
    }
    weights.assign(numbers.size(), 1.0);
    all.resize(static_cast<size_t>(count));
    std::iota(all.begin(), all.end(), 0);
  }

  Rollout make(int64_t count) {
    std::vector<Answer> answers;
    for (int64_t i = 0; i < count; ++i) {
      data::Prompt& prompt = prompts[static_cast<size_t>(i)];
      prompt.ids.assign(static_cast<size_t>(i % 2 + 1), 7);
      std::vector<int32_t> ids(static_cast<size_t>(i % 3 + 1));
      std::iota(ids.begin(), ids.end(), static_cast<int32_t>(10 * i));
      answers.push_back({&prompt, ids, true});
    }
    return Rollout(std::move(answers));
  }

  std::vector<data::Prompt> prompts;
  Rollout rollout;
  TokenNumbers numbers, weights;
  std::vector<int64_t> all;
};

TEST(AnswerBatches, NumbersStandUnderTheirTargets) {
  constexpr int64_t kAnswers = 7;
  const Example example(kAnswers);
  for (const int ranks : {1, 2, 4}) {
    std::multiset<int64_t> seen;
    size_t passes = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const auto batches = answer_batches(example.rollout, example.all, example.weights,
                                          {{"number", &example.numbers}},
                                          {.micro = 2, .data_rank = rank, .data_size = ranks});
      if (rank == 0) passes = batches.size();
      EXPECT_EQ(batches.size(), passes);
      for (const data::Batch& batch : batches) {
        for (int64_t cell = 0; cell < batch.rows * batch.length; ++cell) {
          const auto at = static_cast<size_t>(cell);
          const int64_t answer = batch.samples[static_cast<size_t>(cell / batch.length)];
          EXPECT_EQ(batch.weights[at] > 0, batch.targets[at] != data::kNoTarget);
          if (batch.weights[at] == 0) continue;
          EXPECT_EQ(batch.token_columns.at("number")[at], static_cast<float>(batch.targets[at]));
          EXPECT_EQ(batch.targets[at] / 10, answer);
        }
        for (const int64_t answer : batch.samples) {
          if (answer >= 0) seen.insert(answer);
        }
      }
    }
    EXPECT_EQ(seen, std::multiset<int64_t>(example.all.begin(), example.all.end()));
  }
}

TEST(AnswerBatches, RanksWithoutAnswersMakeTheirPassesToo) {
  const Example example(1);
  const auto batches = answer_batches(example.rollout, example.all, example.weights, {},
                                      {.micro = 2, .data_rank = 3, .data_size = 4});
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].samples, (std::vector<int64_t>{-1, -1}));
  EXPECT_EQ(std::accumulate(batches[0].weights.begin(), batches[0].weights.end(), 0.0f), 0.0f);
}

TEST(AnswerBatches, WholeSequencesHaveTheirLastToken) {
  const std::vector<std::vector<int32_t>> sequences{{1, 2}, {3, 4, 5}};
  const auto batches = whole_batches(sequences, {.micro = 2});
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].samples, (std::vector<int64_t>{1, 0}));  // the longest first
  EXPECT_EQ(batches[0].tokens, (std::vector<int32_t>{3, 4, 5, 1, 2, 0}));
}

TEST(AnswerBatches, EveryPassHasAnOrderOfItsOwn) {
  const auto first = answer_order(16, 1, 1, 0), second = answer_order(16, 1, 1, 1);
  EXPECT_NE(first, second);
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 16u);
  EXPECT_EQ(first, answer_order(16, 1, 1, 0));
}

}  // namespace
}  // namespace strata::trainer
