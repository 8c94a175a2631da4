// Where answers end, what the hooks see, what is refused.
#include "model/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tests/model/tiny.h"

namespace strata::model {
namespace {

class GeneratorTest : public testing::Test {
 protected:
  GeneratorTest()
      : context_(parallel::make_single_context()), tiny_(*context_, tests::tiny_config("llama")) {
    tests::enlarge_weights(tiny_);
  }
  std::vector<Completion> generate(const std::vector<std::vector<int32_t>>& prompts,
                                   const SamplingConfig& sampling,
                                   const GenerationHooks& hooks = {}) {
    std::vector<int64_t> numbers(prompts.size());
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int64_t>(i);
    return Generator(tiny_.decoder).generate(prompts, numbers, sampling, hooks);
  }
  std::unique_ptr<parallel::ParallelContext> context_;
  tests::TinyModel tiny_;
};

TEST_F(GeneratorTest, AnEndIdEndsAnAnswerAndIsPartOfIt) {
  const auto free = generate({{5, 6}}, {.max_new_tokens = 10, .temperature = 0})[0];
  ASSERT_EQ(free.tokens.size(), 10U);
  EXPECT_FALSE(free.reached_end);
  const auto ended =
      generate({{5, 6}}, {.max_new_tokens = 10, .temperature = 0, .end_ids = {free.tokens[3]}})[0];
  const auto first = std::find(free.tokens.begin(), free.tokens.end(), free.tokens[3]);
  EXPECT_EQ(ended.tokens, std::vector<int32_t>(free.tokens.begin(), first + 1));
  EXPECT_TRUE(ended.reached_end);
}

TEST_F(GeneratorTest, HooksSeeEveryTokenAndMayStop) {
  std::vector<std::vector<int32_t>> seen(3);
  GenerationHooks hooks;
  hooks.on_token = [&](int row, int32_t token, float logprob) {
    seen[row].push_back(token);
    EXPECT_LE(logprob, 0);
  };
  hooks.stop_when = [](int row, std::span<const int32_t> tokens) {
    return row == 1 && tokens.size() == 3;
  };
  const auto answers = generate({{1}, {2, 3}, {4, 5, 6}}, {.max_new_tokens = 6}, hooks);
  EXPECT_EQ(answers[1].tokens.size(), 3U);
  EXPECT_TRUE(answers[1].reached_end);
  for (size_t row : {0, 2}) {
    EXPECT_EQ(answers[row].tokens.size(), 6U);
    EXPECT_FALSE(answers[row].reached_end);
  }
  for (size_t row = 0; row < 3; ++row) {
    EXPECT_EQ(seen[row], answers[row].tokens);
    EXPECT_EQ(answers[row].logprobs.size(), answers[row].tokens.size());
  }
}

TEST_F(GeneratorTest, AnAnswerEndsWhereTheContextEnds) {
  const int64_t context = tiny_.decoder.config().context;
  const auto answers =
      generate({std::vector<int32_t>(context - 3, 7), {1}}, {.max_new_tokens = 1000});
  EXPECT_EQ(answers[0].tokens.size(), 3U);
  EXPECT_EQ(answers[1].tokens.size(), static_cast<size_t>(context - 1));
  EXPECT_THROW(generate({std::vector<int32_t>(context, 7)}, {}), base::UserError);
  EXPECT_THROW(generate({{}}, {}), base::UserError);
}

TEST_F(GeneratorTest, NothingAskedNothingGiven) {
  EXPECT_TRUE(generate({}, {}).empty());
  EXPECT_TRUE(generate({{1}}, {.max_new_tokens = 0})[0].tokens.empty());
}

TEST_F(GeneratorTest, ScoresOfRowsOfAnyLengthAndOrder) {
  const std::vector<std::vector<int32_t>> rows = {{1, 2, 3}, {}, {4}, {5, 6, 7, 8, 9}};
  const auto together = score(tiny_.decoder, rows);
  const auto in_pieces = score(tiny_.decoder, rows, 5);
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(together[i].size(), rows[i].size());
    if (rows[i].empty()) continue;
    EXPECT_TRUE(std::isnan(together[i][0]));
    for (size_t t = 1; t < rows[i].size(); ++t) EXPECT_NEAR(together[i][t], in_pieces[i][t], 1e-5);
  }
}

}  // namespace
}  // namespace strata::model
