// Walks this stage's list of actions: calls the Stage to compute and the pipeline communicator to
// send and receive. Knows neither model nor data. Four first-in-first-out channels (send/receive x
// activation/gradient) keep every checked schedule from blocking itself.
#pragma once

#include <memory>

#include "parallel/comm/communicator.h"
#include "parallel/pipeline/schedule.h"
#include "parallel/pipeline/stage.h"

namespace strata::parallel {

class PipelineExecutor {
 public:
  /// `pipeline` is the communicator along the pipeline axis: its rank is the stage. Checks the
  /// schedule once.
  PipelineExecutor(Schedule lowered, Communicator& pipeline);
  ~PipelineExecutor();

  /// One training step, or one forward-only pass. Returns when all messages are done and every
  /// buffer may be used again.
  void run(Stage& stage);

  const Schedule& schedule() const { return schedule_; }

 private:
  Schedule schedule_;
  Communicator& pipeline_;
};

}  // namespace strata::parallel
