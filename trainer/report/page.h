// The report: one HTML page that needs no other file and no network. Curves of all runs in the same
// charts, final numbers, what evaluations found, samples, and the configs with their differences.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/evaluations.h"
#include "trainer/report/run_record.h"

namespace strata::trainer {

/// At least one run or evaluation. Every text that comes from them is escaped.
std::string report_page(const std::vector<RunRecord>& runs,
                        const std::vector<EvaluationRecord>& evaluations = {});

}  // namespace strata::trainer
