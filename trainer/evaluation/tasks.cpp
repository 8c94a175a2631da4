// The table of tasks. A new one is a row here, a declaration in task.h and a file beside this one.
#include <array>

#include "trainer/evaluation/task.h"
#include "trainer/evaluation/task_names.h"

namespace strata::trainer {

std::span<const TaskKind> task_kinds() {
  static constexpr std::array kKinds{
      TaskKind{"perplexity", open_perplexity},
      TaskKind{"exact_match", open_exact_match},
      TaskKind{"multiple_choice", open_multiple_choice},
      TaskKind{"pass_at_k", open_pass_at_k},
      TaskKind{"best_of_n", open_best_of_n},
      TaskKind{"maj_at_n", open_maj_at_n},
      TaskKind{"reward", open_reward},
      TaskKind{"win_rate", open_win_rate},
  };
  return kKinds;
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const TaskKind& kind : task_kinds()) names.emplace_back(kind.name);
  return names;
}

}  // namespace strata::trainer
