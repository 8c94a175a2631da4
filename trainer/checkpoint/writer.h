// Saves checkpoints of a run: whole tensors as safetensors, split by pipeline stage and size, and
// the run's state as an opaque text. Everything is written into a hidden folder beside the others,
// which takes its name by one rename after all ranks succeeded: a kill or a full disk at any moment
// leaves the older checkpoints as they were. Knows no training loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "parallel/mesh/context.h"
#include "trainer/checkpoint/config.h"
#include "trainer/checkpoint/model.h"

namespace strata::trainer {

class CheckpointWriter {
 public:
  /// Tidies up what a killed save left in RUN/checkpoints: make the writer before looking for a
  /// checkpoint to go on from.
  CheckpointWriter(const std::filesystem::path& run, const parallel::ParallelContext& context,
                   const CheckpointConfig& config);
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Collective. `run_state` is rank 0's; `score` the evaluation loss of this step, for keep_best.
  /// Afterwards older checkpoints are pruned. UserError (kDiskTrouble) on every rank where any rank
  /// could not write: the older checkpoints are still there. With checkpoint.async it returns when
  /// the state is copied; models may change then.
  void save(int64_t step, std::span<const CheckpointModel> models, std::string_view run_state,
            std::optional<double> score = {});

  /// Collective. With checkpoint.async: publishes the last save when its files are written,
  /// `wait`ing for them or not. Call it once a step and, waiting, at the end; save() waits for the
  /// one before. Errors as of save().
  void settle(bool wait);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::trainer
