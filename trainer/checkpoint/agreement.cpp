#include "trainer/checkpoint/agreement.h"

#include <algorithm>
#include <vector>

#include "parallel/comm/collectives.h"

namespace strata::trainer {

std::string first_complaint(parallel::Communicator& world, const std::string& mine) {
  const std::vector<std::string> all = parallel::gather_strings(world, mine);
  const auto first = std::ranges::find_if_not(all, &std::string::empty);
  return parallel::broadcast_string(world, first == all.end() ? std::string() : *first);
}

void fail_together(parallel::Communicator& world, base::ExitCode exit_code,
                   const std::string& mine) {
  const std::string complaint = first_complaint(world, mine);
  if (!complaint.empty()) throw base::UserError(exit_code, complaint);
}

}  // namespace strata::trainer
