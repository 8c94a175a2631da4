// One decoder on all axes of the mesh, trained or frozen: the common step of every training job,
// and forward-only passes for evaluation, scoring, references and critics. Knows neither data files
// nor checkpoints nor what a job repeats.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "data/batch.h"
#include "model/decoder.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/grad_sink.h"
#include "parallel/pipeline/executor.h"
#include "trainer/engine/device_batch.h"

namespace strata::trainer {

class MetricLog;
class Objective;

struct EngineOptions {
  std::string schedule = "1f1b";  ///< a name or a CSV file
  model::Recompute recompute = model::Recompute::kNone;
  uint64_t seed = 1;  ///< of dropout and noise
  double noise = 0;   ///< alpha of the noise on embeddings in training steps; 0: none
};

class Engine {
 public:
  /// `optimizer` null: frozen, forward() only. The decoder and the optimizer outlive the engine.
  Engine(const model::Decoder& decoder, parallel::DistributedOptimizer* optimizer,
         EngineOptions options);
  ~Engine();

  /// One optimizer step over this data rank's micro-batches; step number k keys dropout. Every rank
  /// makes the call with the same number of micro-batches. Adds loss metrics and "grad_norm". False
  /// where loss or gradient was not finite: nothing was updated.
  bool step(int64_t k, std::span<const data::Batch> microbatches, const Objective& objective,
            double lr, MetricLog& metrics);

  /// Called on the ranks of the last stage, in order of micro-batches.
  using Consume = std::function<void(int microbatch, const at::Tensor& h_nd,
                                     const model::Head& head, const DeviceBatch& batch)>;
  /// Forward passes alone, without a graph, for the tokens in `read`. `adapters` false leaves LoRA
  /// out (the reference model).
  void forward(std::span<const data::Batch> microbatches, bool adapters, Read read,
               const Consume& consume);

  /// Loss metrics of the micro-batches without a graph.
  void evaluate(std::span<const data::Batch> microbatches, const Objective& objective,
                MetricLog& metrics);

  const model::Decoder& decoder() const { return decoder_; }
  parallel::DistributedOptimizer* optimizer() const { return optimizer_; }

 private:
  parallel::PipelineExecutor& executor(bool trains, size_t microbatches);
  double inverse_weight(std::span<const data::Batch> microbatches,
                        const Objective& objective) const;

  const model::Decoder& decoder_;
  parallel::DistributedOptimizer* optimizer_;
  EngineOptions options_;
  std::unique_ptr<parallel::GradSink> sink_;
  /// By whether they train, and by the number of micro-batches.
  std::map<std::pair<bool, size_t>, std::unique_ptr<parallel::PipelineExecutor>> executors_;
};

}  // namespace strata::trainer
