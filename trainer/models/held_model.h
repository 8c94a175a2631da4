// One model in the memory of this rank: parameters, decoder and, where it is trained, its
// optimizer, made in the right order.
#pragma once

#include <cstdint>
#include <memory>

#include "model/decoder.h"
#include "model/hf.h"
#include "parallel/mesh/context.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/param_store.h"

namespace strata::trainer {

struct RunConfig;

struct HeldModel {
  model::FolderInfo info;
  std::unique_ptr<parallel::ParamStore> params;
  std::unique_ptr<model::Decoder> decoder;
  std::unique_ptr<parallel::DistributedOptimizer> optimizer;  ///< null: frozen
};

/// A model with fresh weights, cut as the config's parallel section says, computing in its
/// precision.compute. With lora.rank above 0 it has adapters, and they alone are trained (and a
/// scalar head). Collective.
HeldModel make_trained_model(const parallel::ParallelContext& context, const RunConfig& config,
                             const model::FolderInfo& info);
/// The same without gradients, optimizer and masters.
HeldModel make_frozen_model(const parallel::ParallelContext& context, const RunConfig& config,
                            const model::FolderInfo& info);
/// The same, and every data rank has all values, whatever parallel.zero says: each may ask it as
/// often as it needs to.
HeldModel make_replicated_model(const parallel::ParallelContext& context, const RunConfig& config,
                                const model::FolderInfo& info);

}  // namespace strata::trainer
