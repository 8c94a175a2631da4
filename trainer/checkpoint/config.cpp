#include "trainer/checkpoint/config.h"

namespace strata::trainer {

void CheckpointConfig::fields(base::Fields& f) {
  f("every", every, "Steps between checkpoints; 0 = one at the end alone.", base::at_least(0));
  f("keep_last", keep_last, "How many of the newest checkpoints stay.", base::at_least(1));
  f("keep_every", keep_every, "Checkpoints of steps that are multiples of this stay too; 0 = none.",
    base::at_least(0));
  f("keep_best", keep_best, "The checkpoint with the lowest evaluation loss stays too.");
  f("async", async, "Copy the state, then write it while training goes on.");
}

}  // namespace strata::trainer
