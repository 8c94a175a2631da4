// All that one command holds while it works: the mesh of ranks, the device, the log, the run's
// folder and the watchdog. Knows no model and no data. Constructed on every rank together.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "parallel/comm/watchdog.h"
#include "parallel/mesh/context.h"
#include "trainer/config/load.h"

namespace strata::trainer {

class FolderLock;
class StopRequest;

class Session {
 public:
  /// Chooses device and threads and lays the mesh over the ranks of `world`. UserError (kBadUsage)
  /// names run.KEY or parallel.KEY. `stop`: of jobs that can stop and go on; null elsewhere.
  Session(parallel::Communicator& world, base::Log& log, LoadedRun run,
          const StopRequest* stop = nullptr);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const RunConfig& config() const { return run_.config; }
  const LoadedRun& loaded() const { return run_; }
  parallel::ParallelContext& context() { return *context_; }
  parallel::Communicator& world() { return context_->world(); }
  base::Log& log() { return log_; }
  c10::Device device() const { return context_->device(); }
  bool is_main_rank() const { return context_->rank() == 0; }
  std::filesystem::path folder() const { return run_.config.run.dir; }

  /// Whether any rank of a job was asked to stop, since it began. Collective.
  bool stop_asked();

  /// Makes RUN and its log files, and the watchdog one that a busy rank does not appease either;
  /// everything was checked before. Collective.
  void open_folder();
  /// The step that the watchdog's report names.
  void set_step(int64_t step);

 private:
  base::Log& log_;
  LoadedRun run_;
  const StopRequest* stop_;
  std::unique_ptr<parallel::ParallelContext> context_;
  std::unique_ptr<FolderLock> lock_;  ///< on the main rank
  std::unique_ptr<parallel::Watchdog> watchdog_;
};

/// Where tensors are to live: "auto", "cpu" or "cuda" (the `local_rank`-th GPU).
c10::Device choose_device(const std::string& wanted, int local_rank);

}  // namespace strata::trainer
