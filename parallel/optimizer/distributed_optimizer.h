// AdamW over a ParamStore whose gradients, state and (by degree of ZeRO) more are cut over the data
// ranks. One step:
//   optimizer.zero_grad(microbatches);
//   ... backward passes add into a GradSink; full buckets are reduced meanwhile ...
//   double norm = optimizer.reduce_grads();
//   if (!optimizer.step(lr)) ...                    // the norm was not finite: nothing was touched
// Every call is collective over the store's context. Knows no layer, no loss and no schedule of
// learning rates.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "parallel/optimizer/config.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

class DistributedOptimizer {
 public:
  /// `params` is materialized, trained, and outlives the optimizer.
  DistributedOptimizer(ParamStore& params, const OptimizerConfig& config);
  ~DistributedOptimizer();
  DistributedOptimizer(const DistributedOptimizer&) = delete;
  DistributedOptimizer& operator=(const DistributedOptimizer&) = delete;

  /// Gradients read as zero from here on. `microbatches` backward passes will follow, so that a
  /// bucket's reduction can start when its last gradient is in; 0 = not known: all reductions wait
  /// for reduce_grads().
  void zero_grad(int microbatches = 0);

  /// Sums the gradients over the ranks that saw other tokens and over the copies of shared
  /// parameters. Returns the norm of the whole model's gradient before clipping, copies and ties
  /// counted once: the same number on every rank of the world.
  double reduce_grads();

  /// Clips and updates values, masters and state. False, with everything left untouched, where the
  /// norm is not finite; all ranks agree, as they have the same norm.
  bool step(double lr);

  /// Updates made so far: Adam's t. Skipped ones do not count.
  int64_t updates() const;
  void set_updates(int64_t updates);

  /// State that a checkpoint holds beside the masters, each one fp32 slice per bucket
  /// (parallel/params/gather.h).
  struct Moment {
    std::string_view name;  ///< "exp_avg", "exp_avg_sq"
    std::vector<at::Tensor> slices;
  };
  const std::vector<Moment>& moments() const;

  /// The whole gradient of one parameter after reduce_grads(), unclipped; collective over the
  /// stage. For tests and inspection.
  at::Tensor whole_gradient(ParamId id) const;

  ParamStore& params() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::parallel
