// Mistral (Jiang et al., 2023): a llama whose tokens attend to a sliding window.
#include <nlohmann/json.hpp>

#include "model/arch/llama_like.h"
#include "model/arch/rows.h"
#include "model/hf/keys.h"

namespace strata::model {
namespace {

constexpr TransformerStyle kMistralStyle{};
constexpr int64_t kSilentWindow = 4096;  // what transformers assumes where config.json does not say

void check_mistral(const ModelConfig& config, base::Problems& problems) {
  check_rotary(config, problems);
}

void read_mistral(const base::JsonReader& there, ModelConfig& here) {
  read_llama_like(there, 8, here);
  here.window =
      is_null(there, "sliding_window") ? 0 : there.integer("sliding_window", kSilentWindow);
}

void write_mistral(const ModelConfig& here, base::Json& there) {
  write_llama_like(here, there);
  there["sliding_window"] = here.window > 0 ? base::Json(here.window) : base::Json(nullptr);
}

}  // namespace

const Architecture kMistral = {
    .name = "mistral",
    .language_class = "MistralForCausalLM",
    .scalar_class = "MistralForSequenceClassification",
    .base_prefix = "model.",
    .default_ffn = gated_ffn,
    .check = check_mistral,
    .make_embedding = [](Site& site) { return make_transformer_embedding(site, kMistralStyle); },
    .make_block = [](Site& site,
                     int layer) { return make_transformer_block(site, layer, kMistralStyle); },
    .make_final_norm = [](Site& site) { return make_transformer_norm(site, kMistralStyle); },
    .block_flops =
        [](const ModelConfig& config, int, double attended) {
          return transformer_flops(config, kMistralStyle, attended);
        },
    .read_config = read_mistral,
    .write_config = write_mistral,
    .tensors = [](const ModelConfig& config) { return llama_like_tensors(config, kMistralStyle); },
};

}  // namespace strata::model
