// Small models for tests: a store and a decoder over a context, and helpers to run them.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/architecture.h"
#include "model/decoder.h"
#include "model/hf.h"
#include "model/relay.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"

namespace strata::tests {

/// Two of everything that can be two, odd where it can be odd.
inline model::ModelConfig tiny_config(std::string_view architecture) {
  model::ModelConfig config;
  config.architecture = architecture;
  config.layers = 3;
  config.width = 24;
  config.heads = 4;
  if (architecture != "gpt2") config.kv_heads = 2;
  if (architecture == "mistral") config.window = 5;
  config.ffn = 37;
  config.context = 48;
  config.vocab_size = 61;
  return config;
}

/// What benchmarks run: 5.4 million parameters.
inline model::ModelConfig small_llama() {
  model::ModelConfig config;
  config.architecture = "llama";
  config.layers = 6;
  config.width = 256;
  config.heads = 8;
  config.kv_heads = 4;
  config.ffn = 688;
  config.context = 256;
  config.vocab_size = 4096;
  return config;
}

/// A model over a context that outlives it.
struct TinyModel {
  TinyModel(const parallel::ParallelContext& context, const model::ModelConfig& config,
            model::DecoderOptions options = {}, parallel::StoreOptions store = {},
            uint64_t seed = 7)
      : params(context, store), decoder(params, context, config, options) {
    params.materialize(seed);
  }
  TinyModel(const parallel::ParallelContext& context, const std::filesystem::path& folder,
            parallel::StoreOptions store = {})
      : params(context, store),
        info(model::read_folder_info(folder)),
        decoder(params, context, info.config, {.head = info.head}) {
    params.materialize(7);
    model::load_weights(folder, info, decoder);
  }

  parallel::ParamStore params;
  model::FolderInfo info;
  model::Decoder decoder;
};

/// Larger weights than at the start of training, so that every part of a model shows in its output.
inline void enlarge_weights(TinyModel& model) {
  for (const parallel::Param& param : model.params.params()) {
    const parallel::ParamId id = model.params.find(param.name);
    at::Tensor whole = model.params.get_whole(id).clone();
    if (param.spec.init == parallel::Init::kNormal) whole.mul_(8);
    if (param.spec.init == parallel::Init::kZeros) {
      base::fill_normal(whole.mutable_data_ptr<float>(), whole.numel(),
                        base::stream_key(3, param.name), 0, 0, 0.2F);
    }
    model.params.set_whole(id, whole);
  }
}

inline at::Tensor random_ids(int64_t rows, int64_t tokens, int64_t vocabulary, uint64_t key = 1) {
  at::Tensor ids = at::empty({rows, tokens}, at::kLong);
  for (int64_t i = 0; i < ids.numel(); ++i) {
    ids.mutable_data_ptr<int64_t>()[i] =
        base::philox(key, static_cast<uint64_t>(i))[0] % vocabulary;
  }
  return ids;
}

/// Final hidden states through all chunks and stages; undefined on other stages than the last.
inline at::Tensor final_hidden(const model::Decoder& decoder, const model::Input& input,
                               const model::Pass& pass = {}) {
  return model::relay(decoder,
                      decoder.hidden_shape(input.tokens_bt.size(0), input.tokens_bt.size(1)),
                      [&](int chunk, const at::Tensor& hidden_nd) {
                        return decoder.forward(chunk, input, hidden_nd, pass);
                      });
}

/// fp32 [rows, tokens, vocabulary]; one stage only.
inline at::Tensor all_logits(const model::Decoder& decoder, const model::Input& input) {
  const at::NoGradGuard no_grad;
  return decoder.head(nullptr)
      .logits(final_hidden(decoder, input))
      .view({input.tokens_bt.size(0), input.tokens_bt.size(1), -1});
}

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace strata::tests
