// Low-rank adapters beside the linear layers (Hu et al., "LoRA", 2021): which there are in a model,
// what they are called, which part of which weight each one adapts. The layers hold them
// (parallel/layers/low_rank.h); this says how they fold into the weights and how PEFT names them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/config.h"

namespace strata::model {

struct LoraConfig {
  int64_t rank = 0;  ///< 0: no adapters
  double alpha = 16;
  std::vector<std::string> targets{};  ///< of q, k, v, o, gate, up, down

  double scale() const { return alpha / static_cast<double>(rank); }
  bool wants(const std::string& target) const;
  bool operator==(const LoraConfig&) const = default;
};

/// One adapter: rows first_row .. first_row + out of `weight` are W + scale B A, with the
/// parameters NAME.lora_a [rank, in] and NAME.lora_b [out, rank].
struct LoraPlace {
  std::string name;    ///< "layers.3.attention.q"
  std::string weight;  ///< "layers.3.attention.qkv.weight"
  int64_t first_row = 0, out = 0, in = 0;
  std::string module_there;  ///< in a Hugging Face model: "model.layers.3.self_attn.q_proj"
  bool transposed = false;   ///< its weight is [in, out] there
};

/// The adapters that `lora` asks for, in the order of the model. Where a model has q, k and v in
/// one matrix (gpt2) any of the three means the whole of it. UserError (kBadUsage) naming
/// lora.targets where no layer is one of them.
std::vector<LoraPlace> lora_places(const ModelConfig& config, const LoraConfig& lora);

/// What `targets` may name in this model.
std::vector<std::string> lora_targets(const ModelConfig& config);

/// Fetches the whole tensor (fp32, CPU) of a parameter "layers.3.attention.q.lora_a".
using FetchAdapter = std::function<at::Tensor(const std::string& name)>;

/// Adds the adapters of one weight to `whole` (fp32, CPU, [rows, in]) in place.
void add_adapters(at::Tensor& whole, const std::string& weight,
                  const std::vector<LoraPlace>& places, double scale, const FetchAdapter& fetch);

}  // namespace strata::model
