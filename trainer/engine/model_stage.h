// The bridge from a schedule to a model: runs chunks of a decoder forward and backward through
// autograd, with the objective at the end of the last chunk. Knows neither messages nor the
// optimizer.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>

#include "data/batch.h"
#include "model/decoder.h"
#include "parallel/params/grad_sink.h"
#include "parallel/pipeline/stage.h"
#include "trainer/engine/device_batch.h"
#include "trainer/objectives/objective.h"

namespace strata::trainer {

/// What one step, or one forward-only pass, asks of the model.
struct StepPlan {
  std::span<const data::Batch> microbatches;
  parallel::GradSink* sink = nullptr;  ///< null: forward only
  model::Recompute recompute = model::Recompute::kNone;
  bool adapters = true;
  Read read = Read::kTargets;
  uint64_t dropout_seed = 0;
  int64_t step = 0;
  double noise = 0;  ///< alpha of the noise on embeddings (EngineOptions)
  /// What becomes of the final hidden states: a loss to go back from, or an undefined tensor.
  std::function<at::Tensor(int microbatch, const at::Tensor& h_nd, const model::Head& head,
                           const DeviceBatch& batch)>
      finish;
};

class ModelStage : public parallel::Stage {
 public:
  ModelStage(const model::Decoder& decoder, const StepPlan& plan);

  parallel::Tensors forward(int chunk, int microbatch,
                            const parallel::Tensors& from_previous) override;
  parallel::Tensors backward(int chunk, int microbatch, const parallel::Tensors& grad_from_next,
                             bool defer_weights) override;
  void weight_grad(int chunk, int microbatch) override;
  std::vector<parallel::TensorSpec> boundary(int microbatch) const override;

 private:
  /// What a forward leaves for its backward.
  struct Kept {
    at::Tensor input, output;
  };
  /// The tensors of a micro-batch, made at its first forward here and dropped at the end of its
  /// last use.
  struct Loaded {
    DeviceBatch batch;
    model::DropoutKey dropout;
    int uses_left;
  };
  Loaded& load(int microbatch);
  void done_with(int microbatch);

  const model::Decoder& decoder_;
  const StepPlan& plan_;
  std::map<std::pair<int, int>, Kept> kept_;
  std::map<int, Loaded> loaded_;
};

}  // namespace strata::trainer
