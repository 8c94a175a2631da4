// What llama, mistral and qwen2 have in common: sizes in config.json and the names of tensors.
#pragma once

#include <vector>

#include "model/architecture.h"
#include "model/transformer.h"

namespace strata::model {

/// Sizes, norm, rotary frequencies, activation. `kv_heads` is what transformers assumes where the
/// file is silent (0: heads).
void read_llama_like(const base::JsonReader& there, int64_t kv_heads, ModelConfig& here);
void write_llama_like(const ModelConfig& here, base::Json& there);
std::vector<HfTensor> llama_like_tensors(const ModelConfig& config, const TransformerStyle& style);

/// Rules of every model with rotary embeddings.
void check_rotary(const ModelConfig& config, base::Problems& problems);
/// For architectures whose Hugging Face class has no sliding window.
void check_no_window(const ModelConfig& config, base::Problems& problems);

}  // namespace strata::model
