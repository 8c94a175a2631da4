// The compute orders of the named schedules: who computes what, in which order. Messages are put in
// later, by lower().
#pragma once

#include "parallel/pipeline/schedule.h"

namespace strata::parallel {

/// One stage: each micro-batch forward through all chunks and back again. Gradient accumulation is
/// this schedule.
Schedule accumulate_order(ScheduleShape shape);
/// Forward passes alone: evaluation, scoring, frozen models.
Schedule forward_only_order(ScheduleShape shape);
/// All forwards, then all backwards (Huang et al. 2019): all activations of the step at once.
Schedule gpipe_order(ScheduleShape shape);
/// One forward, one backward (PipeDream-flush, Narayanan et al. 2021): at most stages - stage
/// activations.
Schedule one_f_one_b_order(ScheduleShape shape);
/// Several chunks a stage, as in Narayanan et al. 2021, section 2.2: a smaller bubble for more
/// messages.
Schedule interleaved_order(ScheduleShape shape);
/// Backward split in two (Qi et al. 2023, ZB-H1): weight gradients fill the bubble, no more
/// activations than 1f1b keeps on its first stage.
Schedule zero_bubble_order(ScheduleShape shape);

}  // namespace strata::parallel
