// The report: one HTML page that needs no other file and no network. Curves of all runs in the same
// charts, final numbers, samples, and the configs with their differences.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/run_record.h"

namespace strata::trainer {

/// At least one run. Every text that comes from a run is escaped.
std::string report_page(const std::vector<RunRecord>& runs);

}  // namespace strata::trainer
