#include "parallel/optimizer/config.h"

#include <fmt/format.h>

#include "parallel/optimizer/lr_schedule.h"

namespace strata::parallel {

void OptimizerConfig::fields(base::Fields& f) {
  f("type", type, "Update rule.", base::one_of({"adamw"}));
  f("lr", lr, "Learning rate at its peak.", base::at_least(0));
  f("min_lr", min_lr, "Learning rate that the schedule ends at (no more than lr).",
    base::at_least(0));
  f("betas", betas, "Decay of the running means of the gradient and of its square.");
  f("eps", eps, "Added to the root of the mean square, after bias correction.", base::above(0));
  f("weight_decay", weight_decay,
    "Decoupled decay of matrices and embeddings; norms and biases never decay.", base::at_least(0));
  f("clip", clip, "Largest norm of the whole gradient; 0 = never clipped.", base::at_least(0));
  f("schedule", schedule, "Course of the learning rate after the warm-up.",
    base::one_of(lr_schedule_names()));
  f("warmup", warmup, "Steps in which the learning rate rises linearly to lr.", base::at_least(0));
}

void OptimizerConfig::check(base::Problems& problems) const {
  if (betas.size() != 2) {
    problems.add(
        "optimizer.betas",
        fmt::format("has {} numbers; two were expected, such as [0.9, 0.95]", betas.size()));
    return;
  }
  for (double beta : betas) {
    if (!(beta >= 0 && beta < 1))
      problems.add("optimizer.betas",
                   fmt::format("holds {}; numbers in [0, 1) were expected", beta));
  }
}

}  // namespace strata::parallel
