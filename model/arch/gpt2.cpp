// GPT-2 (Radford et al., 2019): layer norm, learned positions, biases everywhere, gelu. Initialised
// like transformers' GPT2Config: normal with 0.02, output projections with 0.02 / sqrt(2 layers).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "model/arch/rows.h"
#include "model/hf/keys.h"
#include "model/transformer.h"

namespace strata::model {
namespace {

constexpr TransformerStyle kGpt2Style{.norm = kernels::NormKind::kLayer,
                                      .rotary = false,
                                      .gated = false,
                                      .qkv_bias = true,
                                      .fused_qkv = true,
                                      .linear_bias = true,
                                      .norm_bias = true,
                                      .scaled_output_init = true};

void check_gpt2(const ModelConfig& config, base::Problems& problems) {
  if (config.kv_head_count() != config.heads)
    problems.add("model.kv_heads", "gpt2 has as many key heads as heads: leave it out");
  if (config.head_size() * config.heads != config.width)
    problems.add("model.head_dim", "gpt2's heads make up its width: leave it out");
  if (config.window > 0)
    problems.add("model.window", "gpt2 has no sliding window; mistral and qwen2 have");
  if (config.rope_scaling.rope_type != "default")
    problems.add("model.rope_scaling", "gpt2 has learned positions");
}

void read_gpt2(const base::JsonReader& there, ModelConfig& here) {
  here.layers = there.integer("n_layer");
  here.width = there.integer("n_embd");
  here.heads = there.integer("n_head");
  here.kv_heads = here.heads;
  here.ffn = there.integer("n_inner", 4 * here.width);
  here.context = there.integer("n_positions");
  here.vocab_size = there.integer("vocab_size");
  here.tied_embeddings = there.boolean("tie_word_embeddings", true);
  here.norm_eps = there.number("layer_norm_epsilon", 1e-5);
  choice(there, "activation_function", {"gelu_new", "gelu_pytorch_tanh"});
  if (!there.boolean("scale_attn_weights", true))
    there.refuse("scale_attn_weights", "is false: attention without the scale is not supported");
  refuse_if_on(there, "scale_attn_by_inverse_layer_idx");
  refuse_if_on(there, "add_cross_attention");
}

void write_gpt2(const ModelConfig& here, base::Json& there) {
  there["vocab_size"] = here.vocabulary();
  there["n_positions"] = here.context;
  there["n_embd"] = here.width;
  there["n_layer"] = here.layers;
  there["n_head"] = here.heads;
  there["n_inner"] = here.ffn_size();
  there["activation_function"] = "gelu_new";
  there["layer_norm_epsilon"] = here.norm_eps;
  there["embd_pdrop"] = here.dropout;
  there["resid_pdrop"] = here.dropout;
  there["attn_pdrop"] = here.dropout;
  there["tie_word_embeddings"] = here.tied_embeddings;
}

std::vector<HfTensor> gpt2_tensors(const ModelConfig& config) {
  const int64_t width = config.width, ffn = config.ffn_size();
  std::vector<HfTensor> tensors;
  tensors.push_back({.there = "transformer.wte.weight",
                     .here = "embedding.weight",
                     .shape = {config.vocabulary(), width}});
  tensors.push_back({.there = "transformer.wpe.weight",
                     .here = "positions.weight",
                     .shape = {config.context, width}});
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string there = fmt::format("transformer.h.{}.", layer),
                      here = fmt::format("layers.{}.", layer);
    const auto add_norm = [&](const std::string& name_there, const std::string& name_here) {
      tensors.push_back({.there = there + name_there + ".weight",
                         .here = here + name_here + ".weight",
                         .shape = {width}});
      tensors.push_back({.there = there + name_there + ".bias",
                         .here = here + name_here + ".bias",
                         .shape = {width}});
    };
    const auto add_linear = [&](const std::string& name_there, const std::string& name_here,
                                int64_t in, int64_t out) {
      tensors.push_back({.there = there + name_there + ".weight",
                         .here = here + name_here + ".weight",
                         .shape = {in, out},
                         .transposed = true});
      tensors.push_back({.there = there + name_there + ".bias",
                         .here = here + name_here + ".bias",
                         .shape = {out}});
    };
    add_norm("ln_1", "attention_norm");
    add_linear("attn.c_attn", "attention.qkv", width, 3 * width);
    add_linear("attn.c_proj", "attention.out", width, width);
    add_norm("ln_2", "mlp_norm");
    add_linear("mlp.c_fc", "mlp.up", width, ffn);
    add_linear("mlp.c_proj", "mlp.down", ffn, width);
  }
  tensors.push_back(
      {.there = "transformer.ln_f.weight", .here = "final_norm.weight", .shape = {width}});
  tensors.push_back(
      {.there = "transformer.ln_f.bias", .here = "final_norm.bias", .shape = {width}});
  return tensors;
}

}  // namespace

const Architecture kGpt2 = {
    .name = "gpt2",
    .language_class = "GPT2LMHeadModel",
    .scalar_class = "GPT2ForSequenceClassification",
    .base_prefix = "transformer.",
    .default_ffn = [](int64_t width) { return 4 * width; },
    .check = check_gpt2,
    .make_embedding = [](Site& site) { return make_transformer_embedding(site, kGpt2Style); },
    .make_block = [](Site& site,
                     int layer) { return make_transformer_block(site, layer, kGpt2Style); },
    .make_final_norm = [](Site& site) { return make_transformer_norm(site, kGpt2Style); },
    .block_flops = [](const ModelConfig& config, int,
                      double attended) { return transformer_flops(config, kGpt2Style, attended); },
    .read_config = read_gpt2,
    .write_config = write_gpt2,
    .tensors = gpt2_tensors,
};

}  // namespace strata::model
