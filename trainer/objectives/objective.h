// What one training job adds to the common step: how much a microbatch weighs, and its loss. Knows
// neither ranks nor schedules nor the optimizer: the weight of a step is summed over all ranks
// before the first forward, so that every token counts the same whatever the split into
// micro-batches and ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include "trainer/engine/device_batch.h"

namespace strata::data {
struct Batch;
}
namespace strata::model {
class Head;
}

namespace strata::trainer {

class MetricLog;

class Objective {
 public:
  virtual ~Objective() = default;

  /// What this micro-batch adds to the step's weight (next token: the sum of its target weights).
  virtual double weight(const data::Batch& batch) const = 0;

  /// The tokens whose hidden states the loss is made of.
  virtual Read reads() const { return Read::kTargets; }

  /// The loss summed over this micro-batch, times inv_weight: a scalar to call backward on. Hidden
  /// states h_nd come out of the last block's norm. Metrics are added as (sum, weight), to be
  /// summed over ranks and micro-batches.
  virtual at::Tensor loss(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                          double inv_weight, MetricLog& metrics) const = 0;

  /// Whether the loss is the negative log-likelihood of a token: exp(loss) is then a perplexity.
  virtual bool is_token_likelihood() const { return false; }
};

}  // namespace strata::trainer
