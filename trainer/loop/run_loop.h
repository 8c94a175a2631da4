// The life of a run: resume, steps, metrics, evaluation, checkpoints, a stop on request, the final
// model. Knows no model and no loss: an Algorithm has them.
#pragma once

#include <cstdint>

namespace strata::trainer {

class Algorithm;
class Session;

/// Runs `algorithm` up to step `steps`. UserErrors: kBadNumbers where loss or gradient is not
/// finite, kStopped after a checkpoint on request, kBadCheckpoint, kDiskTrouble. Collective.
void run_loop(Session& session, Algorithm& algorithm, int64_t steps);

}  // namespace strata::trainer
