// The generated texts of runs in the report: prompts that several runs answered side by side, then
// each run's own list.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/run_record.h"

namespace strata::trainer {

/// HTML; empty where no run keeps samples.
std::string samples_section(const std::vector<RunRecord>& runs);

}  // namespace strata::trainer
