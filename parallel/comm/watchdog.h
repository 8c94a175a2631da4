// Ends a job that hangs, and says why. A thread of its own looks whether this rank waits inside one
// communication for longer than the timeout; if so, the lowest such rank prints which rank is
// behind and every rank's last operations, and all ranks end with exit code 6 (base::kRankLost). A
// rank that computes, however long, is never at fault while nobody waits; whether it is when others
// do, the maker says. Its side channel is a file (comm/heartbeat.h), not MPI. Knows the door's
// trace, not what is trained.
#pragma once

#include <filesystem>
#include <memory>

#include "parallel/comm/communicator.h"

namespace strata::parallel {

class Watchdog {
 public:
  /// `file` lies in the run's folder, seen by all ranks; "hang.txt" beside it gets the full report.
  /// Collective. A world of one needs no watching. `world` outlives the watchdog. UserError
  /// (kDiskTrouble).
  Watchdog(const std::filesystem::path& file, Communicator& world, double timeout_seconds);
  /// For work that has no folder and whose shares may differ in length: the others may wait for a
  /// rank that is busy as long as they must, and what they wait for in vain are ranks that are
  /// stopped, gone or waiting themselves. Ranks on several hosts are not watched.
  Watchdog(Communicator& world, double timeout_seconds);
  /// Marks the rank as finished, or as failed where an exception unwinds.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// What the report names as the step this rank is at.
  void set_step(int64_t step);

 private:
  class Watch;
  std::unique_ptr<Watch> watch_;
};

}  // namespace strata::parallel
