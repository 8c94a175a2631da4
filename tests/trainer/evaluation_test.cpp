// The statistics of evaluations against counting, and when a text is a right answer.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/expect_error.h"
#include "trainer/evaluation/measure.h"
#include "trainer/evaluation/right_answers.h"
#include "trainer/evaluation/statistics.h"

namespace strata::trainer {
namespace {

/// The share of all choices of k among n answers, the first c of them right, that hold a right one.
double counted_pass(int n, int c, int k) {
  int sets = 0, passing = 0;
  for (unsigned set = 0; set < (1U << n); ++set) {
    if (__builtin_popcount(set) != k) continue;
    ++sets;
    passing += (set & ((1U << c) - 1)) != 0 ? 1 : 0;
  }
  return static_cast<double>(passing) / sets;
}

TEST(Statistics, PassAtKIsWhatCountingGives) {
  for (int n = 1; n <= 8; ++n) {
    for (int c = 0; c <= n; ++c) {
      for (int k = 1; k <= n; ++k)
        EXPECT_NEAR(pass_at_k(n, c, k), counted_pass(n, c, k), 1e-12) << n << " " << c << " " << k;
    }
  }
  EXPECT_NEAR(pass_at_k(10000, 1, 100), 0.01, 1e-12) << "no factorial overflows";
}

TEST(Statistics, WilsonIntervalOfKnownCounts) {
  // By the formula, to four places; also in tables of the score interval.
  const auto expect = [](int right, int of, double low, double high) {
    const Interval found = wilson_interval(static_cast<double>(right) / of, of);
    EXPECT_NEAR(found.low, low, 5e-5);
    EXPECT_NEAR(found.high, high, 5e-5);
  };
  expect(0, 10, 0.0, 0.2775);
  expect(10, 10, 0.7225, 1.0);
  expect(5, 10, 0.2366, 0.7634);
  expect(81, 263, 0.2553, 0.3662);
  EXPECT_TRUE(std::isnan(wilson_interval(std::nan(""), 0).low));
}

TEST(Statistics, MeansPassOverWhatIsNotThere) {
  const std::vector<double> values{1, std::nan(""), 0, 1, 0};
  const Measure measure = share_measure("acc", values);
  EXPECT_EQ(measure.value, 0.5);
  EXPECT_NEAR(*measure.error, std::sqrt(1.0 / 3 / 4), 1e-12);
  EXPECT_NEAR(measure.interval->low, wilson_interval(0.5, 4).low, 1e-12);
  Measures all{measure};
  merge(all, {{"acc", 7}, {"questions", 5}});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].value, 0.5);
}

TEST(TextRules, PassOverWhatTheyAreTold) {
  const auto normal = [](const std::vector<std::string>& ignore, std::string_view text) {
    return TextRules(ignore).normal(text);
  };
  EXPECT_EQ(normal({}, "  New  York. \n"), "New  York.");
  EXPECT_EQ(normal({"case"}, "New YORK."), "new york.");
  EXPECT_EQ(normal({"whitespace"}, "New \n York."), "New York.");
  EXPECT_EQ(normal({"punctuation"}, "\"New York.\""), "New York");
  EXPECT_EQ(normal({"case", "whitespace", "punctuation"}, " New\tYork ! "), "new york");
  EXPECT_EQ(normal({"case"}, "\xC3\x84"), "\xC3\x84") << "only ASCII is changed";
}

RightAnswers answers_of(const std::string& row) {
  const std::vector<JsonRow> rows{{base::parse_json(row, "rows.jsonl:1"), "rows.jsonl:1"}};
  return RightAnswers(rows, "answer", TextRules({}), nullptr);
}

TEST(RightAnswers, AreStringsNumbersListsAndIds) {
  EXPECT_TRUE(answers_of(R"({"answer": "Paris"})").accepts(0, " Paris\n"));
  EXPECT_FALSE(answers_of(R"({"answer": "Paris"})").accepts(0, "paris"));
  EXPECT_TRUE(answers_of(R"({"answer": 42})").accepts(0, "42"));
  EXPECT_TRUE(answers_of(R"({"answer": ["a", "b"]})").accepts(0, "b"));
  EXPECT_TRUE(answers_of(R"({"answer": [5, 17]})").accepts(0, "5 17"));
  tests::expect_user_error(base::kBadData, {"rows.jsonl:1", "answer"},
                           [] { answers_of(R"({"answer": {"a": 1}})"); });
  tests::expect_user_error(base::kBadData, {"rows.jsonl:1", "answer"},
                           [] { answers_of(R"({"target": "a"})"); });
}

}  // namespace
}  // namespace strata::trainer
