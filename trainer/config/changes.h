// A run that goes on must be the same run: what may differ between its config and the one it is
// started with again.
#pragma once

#include <filesystem>

#include "trainer/config/load.h"

namespace strata::trainer {

/// UserError (kBadUsage) that shows every difference between RUN/config.yaml and `run`, except keys
/// that only say how long or where (run.steps, parallel, batch.micro, log, eval, checkpoint ...)
/// and those in run.accept_changes. Nothing where the run is new or has no checkpoints.
void refuse_changes(const std::filesystem::path& folder, const LoadedRun& run);

}  // namespace strata::trainer
