// A task of `strata eval`: something to find out about a model from the rows of data.eval. Each has
// a file beside this one and a row in the table of tasks.cpp. Making a task reads and checks all
// that it needs; nothing is computed before every task of a config is made.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "trainer/evaluation/measure.h"

namespace strata::trainer {

class Evaluation;

/// The same on every rank.
struct TaskResult {
  Measures measures;
  std::vector<base::Json> rows = {};  ///< one per question, for eval.out
};

class Task {
 public:
  virtual ~Task() = default;
  /// Collective.
  virtual TaskResult run() = 0;
};

struct TaskKind {
  std::string_view name;
  /// UserError (kBadData with FILE:LINE, kBadUsage) where rows or config do not fit. Collective.
  std::unique_ptr<Task> (*open)(Evaluation& evaluation);
};

std::span<const TaskKind> task_kinds();

// The tasks, a file each.
std::unique_ptr<Task> open_perplexity(Evaluation& evaluation);
std::unique_ptr<Task> open_exact_match(Evaluation& evaluation);
std::unique_ptr<Task> open_multiple_choice(Evaluation& evaluation);
std::unique_ptr<Task> open_pass_at_k(Evaluation& evaluation);
std::unique_ptr<Task> open_best_of_n(Evaluation& evaluation);
std::unique_ptr<Task> open_maj_at_n(Evaluation& evaluation);
std::unique_ptr<Task> open_reward(Evaluation& evaluation);
std::unique_ptr<Task> open_win_rate(Evaluation& evaluation);

}  // namespace strata::trainer
