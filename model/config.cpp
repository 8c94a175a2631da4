#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/architecture.h"

namespace strata::model {

void RopeScaling::fields(base::Fields& f) {
  f("rope_type", rope_type, "How rotary frequencies are stretched.",
    base::one_of({"default", "linear", "llama3"}));
  f("factor", factor, "By how much the context grew.", base::at_least(1));
  f("low_freq_factor", low_freq_factor,
    "llama3: waves longer than original / this are stretched by the whole factor.", base::above(0));
  f("high_freq_factor", high_freq_factor,
    "llama3: waves shorter than original / this stay as they are.", base::above(0));
  f("original_max_position_embeddings", original_max_position_embeddings,
    "llama3: the context before it grew.", base::at_least(1));
}

void ModelConfig::fields(base::Fields& f) {
  f("from", from,
    "Start from the weights of a run, a checkpoint or a Hugging Face folder; sizes are then its "
    "own.");
  f("architecture", architecture, "Kind of model.", base::one_of(architecture_names()));
  f("layers", layers, "Transformer blocks.", base::between(1, 1e4));
  f("width", width, "Size of the hidden state.", base::at_least(1));
  f("heads", heads, "Attention heads.", base::at_least(1));
  f("kv_heads", kv_heads,
    "Key and value heads, each shared by heads / kv_heads query heads; auto: heads.",
    base::at_least(1));
  f("head_dim", head_dim, "Size of one head; auto: width / heads.", base::at_least(1));
  f("ffn", ffn,
    "Inner size of the feed-forward; auto: 4 width (gpt2), 8/3 width to the next multiple of 16 "
    "(others).",
    base::at_least(1));
  f("context", context, "Longest sequence in tokens.", base::between(1, 1e8));
  f("vocab_size", vocab_size, "Token ids; auto: the tokenizer's.", base::at_least(1));
  f("tied_embeddings", tied_embeddings, "The head is the embedding's matrix.");
  f("dropout", dropout,
    "Of the embedding, the attention weights and each block's two outputs, in training.",
    base::below_one());
  f("norm_eps", norm_eps, "Added to the variance in norms.", base::above(0));
  f("rope_theta", rope_theta, "Base of the rotary frequencies.", base::above(0));
  f.section("rope_scaling", rope_scaling,
            "Stretching of the rotary frequencies, keys as in Hugging Face configs.");
  f("window", window,
    "Each token attends to itself and the window - 1 tokens before it; 0: to all.",
    base::at_least(0));
}

void ModelConfig::check(base::Problems& problems) const {
  const auto names = architecture_names();
  if (std::find(names.begin(), names.end(), architecture) == names.end())
    return;  // its own field has said so
  if (!head_dim && width % heads != 0) {
    problems.add("model.heads",
                 fmt::format("{} heads do not divide width {}; set model.head_dim or other sizes",
                             heads, width));
  }
  if (heads % kv_head_count() != 0) {
    problems.add("model.kv_heads",
                 fmt::format("{} does not divide model.heads, {}", kv_head_count(), heads));
  }
  if (rope_scaling.rope_type == "llama3" &&
      rope_scaling.high_freq_factor <= rope_scaling.low_freq_factor) {
    problems.add("model.rope_scaling.high_freq_factor", "must be above low_freq_factor");
  }
  architecture_of(architecture).check(*this, problems);
}

int64_t ModelConfig::ffn_size() const {
  return ffn.value_or(architecture_of(architecture).default_ffn(width));
}

int64_t ModelConfig::vocabulary() const {
  base::ensure(vocab_size.has_value(), "the size of the vocabulary is still auto");
  return *vocab_size;
}

int64_t parameter_count(const ModelConfig& config, HeadKind head) {
  int64_t count = 0;
  for (const HfTensor& tensor : folder_tensors(config, head)) {
    int64_t size = 1;
    for (int64_t extent : tensor.shape) size *= extent;
    count += size;
  }
  return count;
}

double mean_attended(const ModelConfig& config, int64_t sequence) {
  const double t = static_cast<double>(sequence);
  const double w = config.window > 0 ? std::min(static_cast<double>(config.window), t) : t;
  return w - w * (w - 1) / (2 * t);  // the first w tokens see 1 .. w, the others w
}

double head_flops(const ModelConfig& config, HeadKind head) {
  return 6.0 * static_cast<double>(config.width) *
         static_cast<double>(head == HeadKind::kScalar ? 1 : config.vocabulary());
}

double flops_per_token(const ModelConfig& config, int64_t sequence, HeadKind head) {
  const Architecture& architecture = architecture_of(config.architecture);
  double flops = head_flops(config, head);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    flops +=
        architecture.block_flops(config, static_cast<int>(layer), mean_attended(config, sequence));
  }
  return flops;
}

}  // namespace strata::model
