#include "trainer/plan/memory.h"

#include <algorithm>

#include "trainer/config/run_config.h"

namespace strata::trainer {

MemoryEstimate estimate_memory(const RunConfig& config, const model::ModelConfig& model,
                               const parallel::MeshLayout& layout, int in_flight) {
  const double element = config.precision.compute == "bf16" ? 2 : 4;
  const double parameters =
      static_cast<double>(model::parameter_count(model)) / (layout.tensor() * layout.pipeline());
  const double copies = layout.size_along(parallel::kGradientAxes);
  const auto cut_from = [&](int degree) { return config.parallel.zero >= degree ? copies : 1.0; };

  MemoryEstimate memory{};
  memory.parameters = parameters * element / cut_from(3);
  memory.gradients = parameters * 4 / cut_from(2);
  // Two moments, and the fp32 masters where the values are not fp32 themselves.
  memory.optimizer = parameters * (element == 4 ? 8 : 12) / cut_from(1);

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
