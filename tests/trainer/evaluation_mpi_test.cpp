// The tasks of strata eval on a small model whose answers are known, and the same numbers on every
// layout of ranks. Prompts are ids, so texts are numbers with spaces between.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <sstream>

#include "model/generator.h"
#include "parallel/comm/world.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"
#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/task.h"

namespace strata::trainer {
namespace {

using base::Json;
using Keys = std::vector<std::string>;

constexpr int kQuestions = 10;

std::string golden(const std::string& name) {
  return (tests::tests_folder() / "golden/model" / name).string();
}

/// Ranks, a file of rows, and evaluations of it.
class EvaluationMpi : public testing::Test {
 protected:
  EvaluationMpi()
      : world_(parallel::make_world()), alone_(world_->split(world_->rank(), 0, "one")) {}

  void write(const std::vector<Json>& rows) const {
    std::string text;
    for (const Json& row : rows) text += base::compact_json(row) + "\n";
    folder_.write("rows.jsonl", text);
  }

  std::unique_ptr<Session> session(parallel::Communicator& ranks, const Keys& keys) const {
    Keys overrides{"model.from=" + golden("llama"),
                   "precision.compute=fp32",
                   "run.device=cpu",
                   "data.eval=[{path: " + (folder_ / "rows.jsonl").string() + "}]",
                   "generation.max_new_tokens=3",
                   "eval.samples=5",
                   "batch.micro=2"};
    overrides.insert(overrides.end(), keys.begin(), keys.end());
    return std::make_unique<Session>(ranks, log_, load_run("", overrides, "eval"));
  }

  TaskResult run(parallel::Communicator& ranks, std::string_view task, const Keys& keys) const {
    const auto opened = session(ranks, keys);
    Evaluation evaluation(*opened);
    const auto kind = std::ranges::find(task_kinds(), task, &TaskKind::name);
    return kind->open(evaluation)->run();
  }
  TaskResult run(std::string_view task, const Keys& keys = {}) const {
    return run(*alone_, task, keys);
  }

  static double value(const TaskResult& result, const std::string& name) {
    const auto found = std::ranges::find(result.measures, name, &Measure::name);
    return found == result.measures.end() ? std::nan("") : found->value;
  }

  tests::TempFolder folder_;
  std::unique_ptr<parallel::Communicator> world_, alone_;
  mutable base::Log log_{{.rank = 0, .quiet = true}};
};

std::vector<int32_t> ids_in(const std::string& text) {
  std::istringstream stream(text);
  std::vector<int32_t> ids;
  for (int32_t id; stream >> id;) ids.push_back(id);
  return ids;
}

std::vector<Json> questions() {
  std::vector<Json> rows;
  for (int i = 0; i < kQuestions; ++i) {
    std::vector<int> ids(static_cast<size_t>(2 + i % 4));
    std::iota(ids.begin(), ids.end(), 5 + 7 * i);
    Json row{{"input_ids", ids}};
    row["answer"] = {3};
    row["choices"] = Json::array({{11, 12 + i}, {40 + i}, {7, 8, 9}});
    row["right"] = i % 3;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string response(const TaskResult& result, size_t question, size_t copy = 0) {
  return result.rows[question]["resps"][0][copy].get<std::string>();
}

TEST_F(EvaluationMpi, ExactMatchCountsTheModelsOwnAnswers) {
  std::vector<Json> rows = questions();
  write(rows);
  const TaskResult before = run("exact_match");
  for (size_t i = 0; i < rows.size(); i += 2) rows[i]["answer"] = ids_in(response(before, i));
  for (size_t i = 1; i < rows.size(); i += 2) rows[i]["answer"] = {96, 96, 96, 96};
  write(rows);
  const TaskResult result = run("exact_match");
  EXPECT_EQ(value(result, "exact_match"), 0.5);
  EXPECT_EQ(value(result, "questions"), kQuestions);
  EXPECT_EQ(result.rows[2]["exact_match"], 1.0);
  EXPECT_EQ(result.rows[2]["doc"]["right"], 2);
  EXPECT_NEAR(result.measures[0].interval->low, wilson_interval(0.5, kQuestions).low, 1e-12);
}

TEST_F(EvaluationMpi, ChoicesHaveTheModelsOwnLogProbabilities) {
  const std::vector<Json> rows = questions();
  write(rows);
  const Keys keys{"data.columns={answer: right}"};
  const TaskResult result = run("multiple_choice", keys);
  const auto opened = session(*alone_, keys);
  const Evaluation evaluation(*opened);
  double right = 0, right_per_id = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<double> sums, per_id;
    for (const Json& choice : rows[i]["choices"]) {
      auto ids = rows[i]["input_ids"].get<std::vector<int32_t>>();
      const auto prompt = static_cast<std::ptrdiff_t>(ids.size());
      for (const Json& id : choice) ids.push_back(id.get<int32_t>());
      const auto scores = model::score(*evaluation.model().model.decoder, {&ids, 1})[0];
      sums.push_back(std::accumulate(scores.begin() + prompt, scores.end(), 0.0));
      per_id.push_back(sums.back() / static_cast<double>(choice.size()));
      EXPECT_NEAR(result.rows[i]["filtered_resps"][sums.size() - 1].get<double>(), sums.back(),
                  1e-4);
    }
    const auto best = [](const std::vector<double>& of) {
      return std::ranges::max_element(of) - of.begin();
    };
    right += best(sums) == rows[i]["right"].get<int>() ? 1 : 0;
    right_per_id += best(per_id) == rows[i]["right"].get<int>() ? 1 : 0;
  }
  EXPECT_NEAR(value(result, "acc"), right / kQuestions, 1e-12);
  EXPECT_NEAR(value(result, "acc_norm"), right_per_id / kQuestions, 1e-12);
}

TEST_F(EvaluationMpi, SeveralAnswersAreCountedVotedAndJudged) {
  std::vector<Json> rows = questions();
  write(rows);
  // A small set of likely tokens, so that answers repeat.
  const Keys keys{"generation.top_k=2", "generation.max_new_tokens=1", "eval.k=[1, 3]",
                  "rewards=[{function: exact_match, field: answer}]"};
  const TaskResult before = run("pass_at_k", keys);
  std::vector<int> correct;
  double majority = 0, pass1 = 0, pass3 = 0, some = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string wanted = response(before, i, 1);
    rows[i]["answer"] = ids_in(wanted);
    std::map<std::string, int> votes;
    for (size_t copy = 0; copy < 5; ++copy) ++votes[response(before, i, copy)];
    const int own = votes[wanted];
    const bool wins = std::ranges::all_of(
        votes, [&](const auto& other) { return other.first == wanted || other.second < own; });
    majority += wins ? 1 : 0;
    pass1 += own / 5.0;
    pass3 += pass_at_k(5, own, 3);
    some += own > 0 ? 1 : 0;
  }
  write(rows);
  const TaskResult result = run("pass_at_k", keys);
  EXPECT_NEAR(value(result, "pass@1"), pass1 / kQuestions, 1e-12);
  EXPECT_NEAR(value(result, "pass@3"), pass3 / kQuestions, 1e-12);
  EXPECT_NEAR(value(run("maj_at_n", keys), "maj@5"), majority / kQuestions, 1e-12);
  const TaskResult best = run("best_of_n", keys);
  EXPECT_NEAR(value(best, "best@5"), some / kQuestions, 1e-12);
  EXPECT_NEAR(value(best, "best@5_reward"), some / kQuestions, 1e-12);
  EXPECT_NEAR(value(best, "samples_reward"), pass1 / kQuestions, 1e-12);
}

TEST_F(EvaluationMpi, RewardsOfGivenAnswersAndOfARewardModel) {
  std::vector<Json> rows = questions();
  double lengths = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<int32_t> completion(1 + i % 3, static_cast<int32_t>(20 + i));
    lengths += static_cast<double>(completion.size());
    rows[i]["completion"] = completion;
  }
  write(rows);
  EXPECT_NEAR(value(run("reward", {"rewards=[{function: length}]"}), "reward"),
              lengths / kQuestions, 1e-12);

  const Keys judge{"model.from=" + golden("reward")};
  const TaskResult judged = run("reward", judge);
  const auto opened = session(*alone_, judge);
  const Evaluation evaluation(*opened);
  for (size_t i = 0; i < rows.size(); ++i) {
    auto ids = rows[i]["input_ids"].get<std::vector<int32_t>>();
    for (const Json& id : rows[i]["completion"]) ids.push_back(id.get<int32_t>());
    EXPECT_NEAR(judged.rows[i]["reward"].get<double>(),
                model::reward(*evaluation.model().model.decoder, {&ids, 1})[0], 1e-4);
  }
}

TEST_F(EvaluationMpi, AModelTiesWithItselfAndWinsWhereItAloneIsRight) {
  std::vector<Json> rows = questions();
  write(rows);
  const TaskResult own = run("exact_match");
  const TaskResult other = run("exact_match", {"model.from=" + golden("llama_untied")});
  double wins = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i]["answer"] = ids_in(response(own, i));
    wins += response(own, i) != response(other, i) ? 1 : 0;
  }
  write(rows);
  const std::string judge = "rewards=[{function: exact_match, field: answer}]";
  const TaskResult itself = run("win_rate", {judge, "eval.against=" + golden("llama")});
  EXPECT_EQ(value(itself, "tie"), 1);
  EXPECT_EQ(value(itself, "win_rate"), 0.5);
  const TaskResult against = run("win_rate", {judge, "eval.against=" + golden("llama_untied")});
  EXPECT_GT(wins, 0);
  EXPECT_NEAR(value(against, "win"), wins / kQuestions, 1e-12);
  EXPECT_EQ(value(against, "loss"), 0);
}

TEST_F(EvaluationMpi, EveryLayoutFindsTheSame) {
  std::vector<Json> rows = questions();
  for (Json& row : rows) row["answer"] = row["right"];
  write(rows);
  const Keys keys{"rewards=[{function: length}]", "eval.against=" + golden("llama_untied"),
                  "data.columns={answer: right}", "eval.k=[1, 2]", "generation.temperature=0.7"};
  std::vector<Keys> layouts{{}};
  if (world_->size() > 1) {
    for (const char* axis : {"tensor", "pipeline", "context"})
      layouts.push_back({std::string("parallel.") + axis + "=2"});
  }
  for (const std::string task : {"exact_match", "multiple_choice", "pass_at_k", "best_of_n",
                                 "maj_at_n", "reward", "win_rate"}) {
    const TaskResult expected = run(task, keys);
    for (const Keys& layout : layouts) {
      Keys all = keys;
      all.insert(all.end(), layout.begin(), layout.end());
      const TaskResult found = run(*world_, task, all);
      ASSERT_EQ(found.measures.size(), expected.measures.size());
      for (size_t i = 0; i < found.measures.size(); ++i) {
        EXPECT_NEAR(found.measures[i].value, expected.measures[i].value, 1e-9)
            << task << " " << found.measures[i].name << " " << (layout.empty() ? "" : layout[0]);
      }
      // Log-probabilities in the rows are equal only to rounding.
      if (task == "multiple_choice") continue;
      for (size_t i = 0; i < found.rows.size(); ++i)
        EXPECT_EQ(found.rows[i], expected.rows[i]) << task;
    }
  }
}

TEST_F(EvaluationMpi, MistakesAreNamedBeforeAnythingRuns) {
  std::vector<Json> rows = questions();
  rows[1]["right"] = "E";
  rows[2].erase("answer");
  rows[3]["input_ids"] = {5, 4000};
  write(rows);
  const auto refuses = [&](base::ExitCode code, const std::vector<std::string>& pieces,
                           const char* task, const Keys& keys = {}) {
    tests::expect_user_error(code, pieces, [&] { run(task, keys); });
  };
  refuses(base::kBadData, {"rows.jsonl:2", "right", "A to C"}, "multiple_choice",
          {"data.columns={answer: right}"});
  refuses(base::kBadData, {"rows.jsonl:3", "answer"}, "exact_match");
  refuses(base::kBadData, {"rows.jsonl:4", "4000"}, "best_of_n",
          {"rewards=[{function: length}]", "data.columns={answer: none}"});

  write(questions());
  refuses(base::kBadUsage, {"eval.k", "eval.samples"}, "pass_at_k", {"eval.k=[9]"});
  refuses(base::kBadUsage, {"rewards"}, "win_rate", {"eval.against=" + golden("llama")});
  refuses(base::kBadUsage, {"eval.against"}, "win_rate");
  refuses(base::kBadUsage, {"reward model"}, "exact_match", {"model.from=" + golden("reward")});
  refuses(base::kBadUsage, {"generation.max_new_tokens"}, "maj_at_n",
          {"generation.max_new_tokens=64", "data.columns={answer: right}"});
}

}  // namespace
}  // namespace strata::trainer
