// Llama (Touvron et al., 2023; Llama 3: Grattafiori et al., 2024): RMS norm, rotary positions,
// gated feed-forward, grouped key heads. Initialised like transformers' LlamaConfig: every matrix
// normal with 0.02, output projections too.
#include <nlohmann/json.hpp>

#include "model/arch/llama_like.h"
#include "model/arch/rows.h"

namespace strata::model {
namespace {

constexpr TransformerStyle kLlamaStyle{};

void check_llama(const ModelConfig& config, base::Problems& problems) {
  check_rotary(config, problems);
  check_no_window(config, problems);
}

void read_llama(const base::JsonReader& there, ModelConfig& here) {
  read_llama_like(there, 0, here);
}

void write_llama(const ModelConfig& here, base::Json& there) {
  write_llama_like(here, there);
  there["attention_bias"] = false;
  there["mlp_bias"] = false;
}

}  // namespace

const Architecture kLlama = {
    .name = "llama",
    .language_class = "LlamaForCausalLM",
    .scalar_class = "LlamaForSequenceClassification",
    .base_prefix = "model.",
    .default_ffn = gated_ffn,
    .check = check_llama,
    .make_embedding = [](Site& site) { return make_transformer_embedding(site, kLlamaStyle); },
    .make_block = [](Site& site,
                     int layer) { return make_transformer_block(site, layer, kLlamaStyle); },
    .make_final_norm = [](Site& site) { return make_transformer_norm(site, kLlamaStyle); },
    .block_flops = [](const ModelConfig& config, int,
                      double attended) { return transformer_flops(config, kLlamaStyle, attended); },
    .read_config = read_llama,
    .write_config = write_llama,
    .tensors = [](const ModelConfig& config) { return llama_like_tensors(config, kLlamaStyle); },
};

}  // namespace strata::model
