// The learning rate of every step, in closed form: nothing to save, nothing to step along.
// A new schedule is one function and one row in lr_schedule.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/optimizer/config.h"

namespace strata::parallel {

/// The rate of step `step` (from 1) of `steps`: lr * step / warmup up to step = warmup, then along
/// the schedule down to min(min_lr, lr), which all but `constant` reach at step = steps.
double learning_rate(const OptimizerConfig& config, int64_t step, int64_t steps);

/// "constant", "linear", "cosine", "wsd"
std::vector<std::string> lr_schedule_names();

}  // namespace strata::parallel
