#include "model/arch/llama_like.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "model/hf/keys.h"

namespace strata::model {
namespace {

// transformers 4 keeps rope_theta beside rope_scaling; version 5 writes both as rope_parameters.
void read_rope(const base::JsonReader& there, ModelConfig& here) {
  const char* key = there.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  here.rope_theta = there.number("rope_theta", 10000.0);
  if (!there.has(key)) return;
  const base::JsonReader scaling = there.object(key);
  here.rope_theta = scaling.number("rope_theta", here.rope_theta);
  RopeScaling& rope = here.rope_scaling;
  const char* older = scaling.has("type") ? "type" : "rope_type";
  rope.rope_type = choice(scaling, scaling.has("rope_type") ? "rope_type" : older,
                          {"default", "linear", "llama3"});
  if (rope.rope_type == "default") return;
  rope.factor = scaling.number("factor");
  if (rope.rope_type != "llama3") return;
  rope.low_freq_factor = scaling.number("low_freq_factor");
  rope.high_freq_factor = scaling.number("high_freq_factor");
  rope.original_max_position_embeddings = scaling.integer("original_max_position_embeddings");
}

base::Json rope_json(const RopeScaling& rope) {
  if (rope.rope_type == "default") return nullptr;
  base::Json json = {{"rope_type", rope.rope_type}, {"factor", rope.factor}};
  if (rope.rope_type == "llama3") {
    json["low_freq_factor"] = rope.low_freq_factor;
    json["high_freq_factor"] = rope.high_freq_factor;
    json["original_max_position_embeddings"] = rope.original_max_position_embeddings;
  }
  return json;
}

}  // namespace

void read_llama_like(const base::JsonReader& there, int64_t kv_heads, ModelConfig& here) {
  here.layers = there.integer("num_hidden_layers");
  here.width = there.integer("hidden_size");
  here.heads = there.integer("num_attention_heads");
  here.kv_heads = there.integer("num_key_value_heads", kv_heads > 0 ? kv_heads : here.heads);
  if (there.has("head_dim")) here.head_dim = there.integer("head_dim");
  here.ffn = there.integer("intermediate_size");
  here.context = there.integer("max_position_embeddings");
  here.vocab_size = there.integer("vocab_size");
  here.tied_embeddings = there.boolean("tie_word_embeddings", false);
  here.norm_eps = there.number("rms_norm_eps", 1e-6);
  read_rope(there, here);
  choice(there, "hidden_act", {"silu", "swish"});
  refuse_if_on(there, "rope_interleaved");
  refuse_if_on(there, "attention_bias");
  refuse_if_on(there, "mlp_bias");
}

void write_llama_like(const ModelConfig& here, base::Json& there) {
  there["vocab_size"] = here.vocabulary();
  there["hidden_size"] = here.width;
  there["intermediate_size"] = here.ffn_size();
  there["num_hidden_layers"] = here.layers;
  there["num_attention_heads"] = here.heads;
  there["num_key_value_heads"] = here.kv_head_count();
  there["head_dim"] = here.head_size();
  there["max_position_embeddings"] = here.context;
  there["hidden_act"] = "silu";
  there["rms_norm_eps"] = here.norm_eps;
  there["rope_theta"] = here.rope_theta;
  there["rope_scaling"] = rope_json(here.rope_scaling);
  there["attention_dropout"] = here.dropout;
  there["tie_word_embeddings"] = here.tied_embeddings;
}

std::vector<HfTensor> llama_like_tensors(const ModelConfig& config, const TransformerStyle& style) {
  const int64_t width = config.width, ffn = config.ffn_size(), head = config.head_size();
  const int64_t query = config.heads * head, key = config.kv_head_count() * head;
  std::vector<HfTensor> tensors;
  tensors.push_back({.there = "model.embed_tokens.weight",
                     .here = "embedding.weight",
                     .shape = {config.vocabulary(), width}});
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string there = fmt::format("model.layers.{}.", layer),
                      here = fmt::format("layers.{}.", layer);
    const auto add = [&](const std::string& name_there, const std::string& name_here,
                         std::vector<int64_t> shape, int64_t first_row = 0) {
      tensors.push_back({.there = there + name_there,
                         .here = here + name_here,
                         .shape = std::move(shape),
                         .first_row = first_row});
    };
    add("input_layernorm.weight", "attention_norm.weight", {width});
    add("self_attn.q_proj.weight", "attention.qkv.weight", {query, width}, 0);
    add("self_attn.k_proj.weight", "attention.qkv.weight", {key, width}, query);
    add("self_attn.v_proj.weight", "attention.qkv.weight", {key, width}, query + key);
    if (style.qkv_bias) {
      add("self_attn.q_proj.bias", "attention.qkv.bias", {query}, 0);
      add("self_attn.k_proj.bias", "attention.qkv.bias", {key}, query);
      add("self_attn.v_proj.bias", "attention.qkv.bias", {key}, query + key);
    }
    add("self_attn.o_proj.weight", "attention.out.weight", {width, query});
    add("post_attention_layernorm.weight", "mlp_norm.weight", {width});
    add("mlp.gate_proj.weight", "mlp.gate_up.weight", {ffn, width}, 0);
    add("mlp.up_proj.weight", "mlp.gate_up.weight", {ffn, width}, ffn);
    add("mlp.down_proj.weight", "mlp.down.weight", {width, ffn});
  }
  tensors.push_back({.there = "model.norm.weight", .here = "final_norm.weight", .shape = {width}});
  return tensors;
}

void check_rotary(const ModelConfig& config, base::Problems& problems) {
  if (config.head_size() % 2 != 0) {
    problems.add("model.head_dim",
                 fmt::format("rotary embeddings turn pairs: {} is odd", config.head_size()));
  }
}

void check_no_window(const ModelConfig& config, base::Problems& problems) {
  if (config.window > 0) {
    problems.add("model.window", fmt::format("{} has no sliding window; mistral and qwen2 have",
                                             config.architecture));
  }
}

}  // namespace strata::model
