// What a job repeats: one step, one evaluation, and what a checkpoint must hold of it. Pretraining
// is one Engine and one Objective; PPO holds several models, a rollout and pure maths. run_loop()
// serves them all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "model/hf.h"
#include "trainer/checkpoint/model.h"
#include "trainer/loop/metric_log.h"

namespace strata::trainer {

class Algorithm {
 public:
  virtual ~Algorithm() = default;

  /// Step k, from 1. False where loss or gradient was not finite: nothing was updated. Collective,
  /// like all of these.
  virtual bool step(int64_t k, double learning_rate, MetricLog& metrics) = 0;
  /// Adds loss and the like of the held-out data; nothing where there is none. Leaves no trace in
  /// the training state.
  virtual void evaluate(MetricLog& metrics) = 0;
  /// Whether exp of the held-out loss is a perplexity.
  virtual bool has_perplexity() const { return false; }

  /// The trained models, as a checkpoint holds them; the first is what the run makes.
  virtual std::vector<CheckpointModel> models() = 0;
  virtual const model::FolderInfo& model_info() const = 0;
  /// Further state as text (counters, adaptive coefficients), and back.
  virtual std::string state() const { return ""; }
  virtual void restore(std::string_view state, int64_t step) = 0;

  /// Writes the result as a Hugging Face folder.
  virtual void save_model(const std::filesystem::path& folder) = 0;

  /// Of the last step, all ranks together: tokens that were read, padding left out, and the
  /// floating-point operations that they need.
  struct Work {
    int64_t tokens = 0;
    double flops = 0;
  };
  virtual Work last_work() const = 0;
  /// Seconds that this rank has waited for data so far.
  virtual double data_wait_seconds() const = 0;
};

}  // namespace strata::trainer
