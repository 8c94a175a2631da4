// A wish from outside that the run saves and ends: SIGUSR1, or SIGTERM. Asked for once a step, over
// all ranks, so that all end after the same step.
#pragma once

namespace strata::parallel {
class Communicator;
}

namespace strata::trainer {

/// Watches for the signals while it lives; there is at most one at a time.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  /// Whether any rank has been asked to stop. Collective.
  bool anywhere(parallel::Communicator& world) const;
};

}  // namespace strata::trainer
