#include "trainer/plan/memory.h"

#include <algorithm>

#include "model/lora.h"
#include "trainer/config/run_config.h"
#include "trainer/models/adapters.h"

namespace strata::trainer {
namespace {

/// Of lora.rank on lora.targets; 0 without.
double adapter_parameters(const RunConfig& config, const model::ModelConfig& model) {
  if (config.lora.rank == 0) return 0;
  double sum = 0;
  for (const model::LoraPlace& place : model::lora_places(model, lora_config(config.lora)))
    sum += static_cast<double>(config.lora.rank * (place.in + place.out));
  return sum;
}

}  // namespace

MemoryEstimate estimate_memory(const RunConfig& config, const model::ModelConfig& model,
                               const parallel::MeshLayout& layout, int in_flight) {
  const double element = config.precision.compute == "bf16" ? 2 : 4;
  const double parts = layout.tensor() * layout.pipeline();
  const double base = static_cast<double>(model::parameter_count(model)) / parts;
  const double adapters = adapter_parameters(config, model) / parts;
  const double trained = adapters > 0 ? adapters : base;
  const double copies = layout.size_along(parallel::kGradientAxes);
  const auto cut_from = [&](int degree) { return config.parallel.zero >= degree ? copies : 1.0; };

  MemoryEstimate memory{};
  memory.parameters = (base + adapters) * element / cut_from(3);
  memory.gradients = trained * 4 / cut_from(2);
  // Two moments, and the fp32 masters where the values are not fp32 themselves.
  memory.optimizer = trained * (element == 4 ? 8 : 12) / cut_from(1);
  // What is cut is whole for the blocks in work: of the values this one and the next, gathered; of
  // the gradients this one and the one that is being reduced.
  const double block = base / std::max(1.0, static_cast<double>(model.layers) / layout.pipeline());
  const double share = 2 * block * (1 - 1 / copies);
  if (config.parallel.zero >= 3) memory.parameters += share * element;
  if (config.parallel.zero >= 2) memory.gradients += share * 4 * trained / base;

  // What a block keeps per token: its input, two normed inputs, q, k, v and the attention's output,
  // and the feed-forward's inside (gate, up and their product). The head keeps one buffer of
  // logits.
  const double tokens =
      static_cast<double>(config.batch.micro * config.batch.sequence) / layout.context();
  const double width = static_cast<double>(model.width);
  const double heads =
      static_cast<double>((2 * model.heads + 2 * model.kv_head_count()) * model.head_size()) /
      layout.tensor();
  const double inside = 3.0 * static_cast<double>(model.ffn_size()) / layout.tensor();
  const double cut_along_tokens = config.parallel.sequence ? layout.tensor() : 1;
  const double kept = config.memory.recompute == "full" ? width / cut_along_tokens
                      : config.memory.recompute == "selective"
                          ? 4 * width / cut_along_tokens + heads
                          : 4 * width / cut_along_tokens + heads + inside;
  const double blocks = static_cast<double>(model.layers) / layout.pipeline();
  const double logits = tokens * static_cast<double>(model.vocabulary()) / layout.tensor();
  memory.activations = (tokens * kept * blocks * std::max(1, in_flight) + logits) * element;
  return memory;
}

}  // namespace strata::trainer
