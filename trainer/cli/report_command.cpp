// strata report: a page on one run or several. Needs no model and one rank.
#include <fmt/format.h>

#include "base/file.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/report/page.h"

namespace strata::trainer {

void report_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  std::vector<RunRecord> runs;
  for (const std::string& folder : call.args.positional()) runs.push_back(read_run(folder));
  const std::string out = call.args.value("out", "report.html");
  base::write_file(out, report_page(runs));
  fmt::print("{}\n", out);
}

}  // namespace strata::trainer
