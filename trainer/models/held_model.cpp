#include "trainer/models/held_model.h"

#include "trainer/config/run_config.h"
#include "trainer/models/adapters.h"

namespace strata::trainer {
namespace {

HeldModel make_model(const parallel::ParallelContext& context, const RunConfig& config,
                     const model::FolderInfo& info, bool trained, int64_t zero) {
  HeldModel held;
  held.info = info;
  parallel::StoreOptions store;
  store.compute = config.precision.compute == "bf16" ? at::kBFloat16 : at::kFloat;
  store.device = context.device();
  store.zero = static_cast<int>(zero);
  store.trained = trained;
  const bool has_adapters = trained && config.lora.rank > 0;
  store.adapters_only = has_adapters;
  held.params = std::make_unique<parallel::ParamStore>(context, store);
  model::DecoderOptions decoder;
  decoder.head = info.head;
  decoder.chunks_per_stage = static_cast<int>(config.parallel.chunks);
  decoder.sequence_parallel = config.parallel.sequence;
  if (has_adapters) decoder.lora = lora_config(config.lora);
  held.decoder = std::make_unique<model::Decoder>(*held.params, context, info.config, decoder);
  held.params->materialize(static_cast<uint64_t>(config.run.seed));
  if (trained)
    held.optimizer =
        std::make_unique<parallel::DistributedOptimizer>(*held.params, config.optimizer);
  return held;
}

}  // namespace

HeldModel make_trained_model(const parallel::ParallelContext& context, const RunConfig& config,
                             const model::FolderInfo& info) {
  return make_model(context, config, info, true, config.parallel.zero);
}

HeldModel make_frozen_model(const parallel::ParallelContext& context, const RunConfig& config,
                            const model::FolderInfo& info) {
  return make_model(context, config, info, false, config.parallel.zero);
}

HeldModel make_replicated_model(const parallel::ParallelContext& context, const RunConfig& config,
                                const model::FolderInfo& info) {
  return make_model(context, config, info, false, 0);
}

}  // namespace strata::trainer
