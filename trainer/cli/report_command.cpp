// strata report: a page on runs, and on what `strata eval --json` said of models. Needs no model
// and one rank.
#include <fmt/format.h>

#include "base/file.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/report/page.h"

namespace strata::trainer {

void report_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  std::vector<RunRecord> runs;
  std::vector<EvaluationRecord> evaluations;
  for (const std::string& path : call.args.positional()) {
    if (is_evaluation(path)) {
      evaluations.push_back(read_evaluation(path));
    } else {
      runs.push_back(read_run(path));
    }
  }
  const std::string out = call.args.value("out", "report.html");
  base::write_file(out, report_page(runs, evaluations));
  fmt::print("{}\n", out);
}

}  // namespace strata::trainer
