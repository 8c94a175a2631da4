// Qwen2 (Yang et al., 2024): a llama with biases on queries, keys and values, and a sliding window
// on request.
#include <nlohmann/json.hpp>

#include "model/arch/llama_like.h"
#include "model/arch/rows.h"
#include "model/hf/keys.h"

namespace strata::model {
namespace {

constexpr TransformerStyle kQwen2Style{.qkv_bias = true};

void check_qwen2(const ModelConfig& config, base::Problems& problems) {
  check_rotary(config, problems);
}

// A window for the upper layers alone (max_window_layers between 1 and the last layer) is not
// supported.
void read_qwen2(const base::JsonReader& there, ModelConfig& here) {
  read_llama_like(there, 32, here);
  refuse_if_on(there, "use_mrope");
  if (!there.boolean("use_sliding_window", false)) return;
  const int64_t first_windowed = there.integer("max_window_layers", 28);
  if (first_windowed > 0 && first_windowed < here.layers) {
    there.refuse("max_window_layers",
                 "gives only some of the layers a window: this is not supported");
  }
  if (first_windowed == 0) here.window = there.integer("sliding_window", 4096);
}

void write_qwen2(const ModelConfig& here, base::Json& there) {
  write_llama_like(here, there);
  there["use_sliding_window"] = here.window > 0;
  if (here.window == 0) return;
  there["sliding_window"] = here.window;
  there["max_window_layers"] = 0;
}

}  // namespace

const Architecture kQwen2 = {
    .name = "qwen2",
    .language_class = "Qwen2ForCausalLM",
    .scalar_class = "Qwen2ForSequenceClassification",
    .base_prefix = "model.",
    .default_ffn = gated_ffn,
    .check = check_qwen2,
    .make_embedding = [](Site& site) { return make_transformer_embedding(site, kQwen2Style); },
    .make_block = [](Site& site,
                     int layer) { return make_transformer_block(site, layer, kQwen2Style); },
    .make_final_norm = [](Site& site) { return make_transformer_norm(site, kQwen2Style); },
    .block_flops = [](const ModelConfig& config, int,
                      double attended) { return transformer_flops(config, kQwen2Style, attended); },
    .read_config = read_qwen2,
    .write_config = write_qwen2,
    .tensors = [](const ModelConfig& config) { return llama_like_tensors(config, kQwen2Style); },
};

}  // namespace strata::model
