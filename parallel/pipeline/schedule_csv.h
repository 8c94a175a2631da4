// An own schedule from a CSV file: a row a stage, cells in compute order such as F0.3 (forward,
// chunk 0, micro-batch 3), or F3 where stages have one chunk. Empty cells are idle steps and mean
// nothing; messages are put in by lower().
#pragma once

#include <filesystem>

#include "parallel/pipeline/schedule.h"

namespace strata::parallel {

/// Reads it for a given shape. A UserError (kBadUsage) names file:line and the cell that is not F,
/// B, I or W with a chunk and a micro-batch, or says that the number of rows is not that of the
/// stages.
Schedule read_schedule_csv(const std::filesystem::path& file, ScheduleShape shape);

/// "F0.3".
std::string cell_of(const Action& action);

}  // namespace strata::parallel
