// What a model is: the `model:` section of a config, and the sizes that follow from it.
// Knows the table of architectures by name only; knows no tensor, no rank, no file.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"

namespace strata::model {

/// What stands on top of the last hidden state: next-token logits, or one number per token (reward
/// models and critics).
enum class HeadKind : uint8_t { kLanguage, kScalar };

/// How rotary frequencies are stretched for contexts longer than the model was born with; keys as
/// in Hugging Face configs.
struct RopeScaling {
  std::string rope_type = "default";  ///< default (none), linear, llama3
  double factor = 1.0;
  double low_freq_factor = 1.0;                     ///< llama3
  double high_freq_factor = 4.0;                    ///< llama3
  int64_t original_max_position_embeddings = 8192;  ///< llama3

  void fields(base::Fields& f);
  bool operator==(const RopeScaling&) const = default;
};

struct ModelConfig {
  std::string from;  ///< start from the weights of a run, a checkpoint or a Hugging Face folder; ""
                     ///< = fresh weights
  std::string architecture = "llama";
  int64_t layers = 6;
  int64_t width = 256;
  int64_t heads = 8;
  base::AutoInt kv_heads;  ///< auto: heads
  base::AutoInt head_dim;  ///< auto: width / heads
  base::AutoInt ffn;  ///< auto: 4 width (gpt2), 8/3 width rounded up to a multiple of 16 (gated)
  int64_t context = 256;     ///< longest sequence
  base::AutoInt vocab_size;  ///< auto: the tokenizer's; set before a model is built
  bool tied_embeddings = true;
  double dropout = 0.0;
  double norm_eps = 1e-5;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  int64_t window = 0;  ///< each token sees itself and the window - 1 tokens before it; 0 = all

  void fields(base::Fields& f);
  /// Rules that tie several fields together; keys are reported under "model.".
  void check(base::Problems& problems) const;

  // The sizes in use, `auto` resolved.
  int64_t kv_head_count() const { return kv_heads.value_or(heads); }
  int64_t head_size() const { return head_dim.value_or(width / heads); }
  int64_t ffn_size() const;
  int64_t vocabulary() const;  ///< InternalError while still auto
};

/// Exact number of parameters of the whole model, a tied matrix counted once.
int64_t parameter_count(const ModelConfig& config, HeadKind head = HeadKind::kLanguage);

/// How many tokens a token attends to on average in a sequence of this length: about half of it,
/// less with a window.
double mean_attended(const ModelConfig& config, int64_t sequence);

/// Floating-point operations per token, forward and backward: 6 for each weight of a matrix product
/// (the embedding's look-up is none, the head is one), and for attention 12 head_size x heads x
/// mean_attended() a layer (score and sum, masked half not counted).
double flops_per_token(const ModelConfig& config, int64_t sequence,
                       HeadKind head = HeadKind::kLanguage);
/// The head's share of them.
double head_flops(const ModelConfig& config, HeadKind head);

}  // namespace strata::model
