// strata eval: what the tasks of eval.tasks find out about a model, as a table or as JSON, and a
// row for every question in eval.out.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/task.h"
#include "trainer/jobs/jobs.h"

namespace strata::trainer {
namespace {

/// In the order of the config; all rows are checked when this returns. Collective.
std::vector<std::unique_ptr<Task>> open_tasks(Evaluation& evaluation) {
  std::vector<std::string> names = evaluation.config().eval.tasks;
  if (names.empty()) names = {"perplexity"};
  std::vector<std::unique_ptr<Task>> tasks;
  for (const std::string& name : names) {
    for (const TaskKind& kind : task_kinds()) {
      if (kind.name == name) tasks.push_back(kind.open(evaluation));
    }
  }
  return tasks;
}

void print_table(const Measures& measures) {
  for (const Measure& measure : measures) {
    fmt::print("{:<18} {:.6g}", measure.name, measure.value);
    if (measure.interval)
      fmt::print("  ({:.4g} to {:.4g})", measure.interval->low, measure.interval->high);
    fmt::print("\n");
  }
}

/// Flat, so that a script finds a number by its name.
base::Json as_json(const Evaluation& evaluation, const Measures& measures) {
  base::Json answer{{"model", evaluation.path()}};
  for (const data::EvalSource& source : evaluation.config().data.eval)
    answer["data"].push_back(source.path);
  if (const auto temperature = evaluation.temperature_used()) answer["temperature"] = *temperature;
  for (const Measure& measure : measures) {
    answer[measure.name] = measure.value;
    if (measure.error) answer[measure.name + "_stderr"] = *measure.error;
    if (!measure.interval) continue;
    answer[measure.name + "_low"] = measure.interval->low;
    answer[measure.name + "_high"] = measure.interval->high;
  }
  return answer;
}

}  // namespace

void run_eval(Session& session, bool as_json_text) {
  Evaluation evaluation(session);
  const std::vector<std::unique_ptr<Task>> tasks = open_tasks(evaluation);
  Measures measures;
  std::string lines;
  for (const std::unique_ptr<Task>& task : tasks) {
    const TaskResult result = task->run();
    merge(measures, result.measures);
    for (const base::Json& row : result.rows) lines += base::compact_json(row) + "\n";
  }
  if (!session.is_main_rank()) return;
  const std::string& out = session.config().eval.out;
  if (!out.empty()) base::write_file(out, lines);
  if (as_json_text) {
    fmt::print("{}", base::pretty_json(as_json(evaluation, measures)));
  } else {
    print_table(measures);
  }
}

}  // namespace strata::trainer
