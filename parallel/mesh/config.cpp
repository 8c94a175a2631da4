#include "parallel/mesh/config.h"

namespace strata::parallel {

void ParallelConfig::fields(base::Fields& f) {
  using base::at_least;
  f("tensor", tensor, "Ranks that share every layer's matrices.", at_least(1));
  f("pipeline", pipeline, "Ranks that each hold a run of layers (pipeline stages).", at_least(1));
  f("context", context, "Ranks that share each sequence.", at_least(1));
  f("expert", expert, "Ranks that share the experts; only 1 so far.", at_least(1));
  f("data", data, "Ranks that train on different sequences; auto: what the other axes leave.",
    at_least(1));
  f("sequence", sequence,
    "Cut norms and residuals along the sequence over the tensor ranks: less memory.");
  f("zero", zero,
    "What is cut over the data ranks: 0 nothing, 1 optimizer state, 2 and gradients, 3 and "
    "parameters.",
    base::between(0, 3));
  f("schedule", schedule,
    "Order of work in a pipeline: gpipe, 1f1b, interleaved, zero_bubble, or a CSV file.");
  f("chunks", chunks, "Runs of layers on each stage; more than 1 with schedule interleaved.",
    at_least(1));
}

void ParallelConfig::check(base::Problems& problems) const {
  if (expert != 1) {
    problems.add("parallel.expert", "expert parallelism is not there yet: leave it at 1");
  }
  const bool is_file = schedule.ends_with(".csv");
  if (chunks > 1 && schedule != "interleaved" && !is_file) {
    problems.add("parallel.chunks", "more than one chunk needs parallel.schedule: interleaved");
  }
  if (schedule == "interleaved" && chunks == 1) {
    problems.add("parallel.chunks", "schedule interleaved needs at least 2 chunks");
  }
  if (chunks > 1 && pipeline == 1) {
    problems.add("parallel.chunks", "more than one chunk needs parallel.pipeline above 1");
  }
}

}  // namespace strata::parallel
