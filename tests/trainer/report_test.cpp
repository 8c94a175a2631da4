// The report: what it reads of a run, its charts, and that no text of a run becomes markup.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "tests/support/temp_folder.h"
#include "trainer/report/chart.h"
#include "trainer/report/page.h"
#include "trainer/report/run_record.h"

namespace strata::trainer {
namespace {

using Points = std::vector<std::pair<double, double>>;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

RunRecord example_run(const std::string& name, const std::string& lr) {
  RunRecord run;
  run.name = name;
  run.metrics = {{{"step", 10}, {"loss", 3.5}, {"lr", 1e-3}, {"objective/kl", 0.25}},
                 {{"step", 20}, {"loss", 3.0}, {"lr", 5e-4}, {"eval/loss", 3.25}}};
  run.config = {{"optimizer.lr", lr}, {"run.seed", "1"}};
  return run;
}

TEST(Chart, TicksAreRoundAndInside) {
  EXPECT_EQ(tick_values(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(tick_values(95, 205, 5), (std::vector<double>{100, 150, 200}));
  for (const double tick : tick_values(-0.00013, 0.00027, 6)) {
    EXPECT_GE(tick, -0.00013);
    EXPECT_LE(tick, 0.00027);
  }
}

TEST(Chart, ThinningKeepsSpikesAndGaps) {
  Points points;
  for (int i = 0; i < 10000; ++i) points.emplace_back(i, 1.0);
  points[5000].second = 9;
  points[7000].second = std::numeric_limits<double>::quiet_NaN();
  const Points thin = thinned(points, 100);
  EXPECT_LE(thin.size(), 200U);
  EXPECT_TRUE(std::ranges::any_of(thin, [](const auto& p) { return p.second == 9; }));
  EXPECT_TRUE(std::ranges::any_of(thin, [](const auto& p) { return std::isnan(p.second); }));
}

TEST(Chart, ConstantAndAbsentValuesDraw) {
  EXPECT_TRUE(contains(svg_chart("lr", {{"run", 0, false, {{1, 0.5}, {2, 0.5}}}}), "<path"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string empty = svg_chart("loss", {{"run", 0, false, {{1, nan}}}});
  EXPECT_TRUE(contains(empty, "no finite values"));
  EXPECT_FALSE(contains(empty, "nan"));
}

TEST(Report, EscapesEveryTextOfARun) {
  RunRecord run = example_run("<script>name</script>", "<i>1</i>");
  run.metrics[0].emplace_back("<u>metric</u>", 1.0);
  run.samples = {{3, "<b>&", "</td><script>alert('x')</script>"}};
  const std::string page = report_page({run});
  EXPECT_FALSE(contains(page, "<script"));
  EXPECT_FALSE(contains(page, "<i>1"));
  EXPECT_FALSE(contains(page, "<u>"));
  EXPECT_TRUE(contains(page, "&lt;b&gt;&amp;"));
  EXPECT_FALSE(contains(page, "http")) << "the page needs no network";
}

TEST(Report, MarksWhatDiffersBetweenRuns) {
  const std::string page = report_page({example_run("a", "1.0e-3"), example_run("b", "3.0e-3")});
  EXPECT_TRUE(
      contains(page, "<tr class='differs'><th>optimizer.lr</th><td>1.0e-3</td><td>3.0e-3</td>"));
  EXPECT_FALSE(contains(page, "<tr class='differs'><th>run.seed"));
  EXPECT_TRUE(contains(page, "objective/kl")) << "metrics that it does not know are drawn too";
}

TEST(Report, ReadsAFolder) {
  const tests::TempFolder folder;
  const auto run = folder / "run";
  EXPECT_THROW(read_run(run), base::UserError);
  folder.write("run/metrics.jsonl", "{\"step\":1,\"loss\":2.5}\n{\"step\":2,\"loss\":null}\n");
  folder.write("run/config.yaml", "run: {seed: 7}\ndata: {train: [{path: a.h5}]}\n");
  folder.write("run/samples.jsonl", "{\"step\":2,\"prompt\":\"p\",\"completion\":\"c\"}\n");
  const RunRecord record = read_run(run);
  EXPECT_EQ(record.curve("loss").size(), 2U);
  EXPECT_TRUE(std::isnan(record.curve("loss")[1].second));
  EXPECT_EQ(record.config[0], (std::pair<std::string, std::string>{"run.seed", "7"}));
  ASSERT_EQ(record.samples.size(), 1U);
  EXPECT_EQ(record.samples[0].completion, "c");
}

TEST(Report, PutsAnswersToTheSamePromptSideBySide) {
  RunRecord before = example_run("before", "1"), after = example_run("after", "1");
  before.samples = {{1, "Who?", "old"}, {2, "Who?", "me", 0.25}, {2, "alone", "x"}};
  after.samples = {{9, "Who?", "<you>", 0.75}};
  const std::string page = report_page({before, after});
  EXPECT_TRUE(contains(page,
                       "<b>Who?</b></td><td class='text'>me <small>(0.25)</small></td>"
                       "<td class='text'>&lt;you&gt; <small>(0.75)</small></td>"));
  EXPECT_TRUE(contains(page, "<th>prompt<th>before<th>after</tr>"));
  EXPECT_FALSE(contains(page, "<td class='text'><b>alone</b></td>"))
      << "prompts of one run are in its list alone";
}

TEST(Report, EvaluationsOfAModelShareAColumn) {
  const tests::TempFolder folder;
  const auto write = [&](const std::string& name, const std::string& content) {
    return read_evaluation(folder.write(name, content));
  };
  const std::vector<EvaluationRecord> evaluations{
      write("a.json", R"({"model": "runs/sft", "data": ["d/quiz.jsonl"], "temperature": 0.0,
                          "acc": 0.5, "acc_stderr": 0.1, "acc_low": 0.4, "acc_high": 0.6})"),
      write("b.json", R"({"model": "runs/sft", "data": ["bible"], "loss": 3.25})"),
      write("c.json", R"({"model": "runs/ppo", "data": ["d/quiz.jsonl"], "temperature": 1.0,
                          "acc": 0.75, "acc_low": 0.7, "acc_high": 0.8})")};
  const std::string page = report_page({}, evaluations);
  EXPECT_TRUE(contains(page, "<th>runs/sft<th>runs/ppo</tr>"));
  EXPECT_TRUE(contains(page, "<th>acc (quiz)</th><td class='number'>0.5 <small>(0.4 to 0.6)"));
  EXPECT_TRUE(contains(page, "<th>loss (bible)</th><td class='number'>3.25</td>"));
  EXPECT_TRUE(contains(page, "<th>acc (quiz, temperature 1)</th><td class='number'>-</td>"));
  EXPECT_FALSE(contains(page, "stderr"));
  EXPECT_THROW(write("d.json", "{\"loss\": 1}"), base::UserError);
}

}  // namespace
}  // namespace strata::trainer
