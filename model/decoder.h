// The part of a model that one rank holds: chunks of [embedding] blocks [final norm, head], over a ParamStore.
// A pipeline stage has one chunk or several (interleaved schedules); without pipeline there is one chunk with everything.
// A forward pass is differentiable and keeps nothing in the decoder: microbatches may be in flight together.
// Knows neither loss nor schedule nor data; what a block is made of is the architecture's affair (model/architecture.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "model/block.h"
#include "model/config.h"
#include "model/head.h"

namespace strata::parallel {
class GradSink;
class ParallelContext;
class ParamStore;
}  // namespace strata::parallel

namespace strata::model {

struct DecoderOptions {
  HeadKind head = HeadKind::kLanguage;
  int chunks_per_stage = 1;
  bool sequence_parallel = false;  ///< hidden states are cut along the sequence over the tensor axis between blocks
};

class Decoder {
 public:
  /// Adds this rank's parameters to `params`, named by global layer number; the caller materializes the store afterwards.
  /// Stages and chunks get runs of layers of about equal cost. UserError where the layout does not fit the model.
  Decoder(parallel::ParamStore& params, const parallel::ParallelContext& context, const ModelConfig& config, const DecoderOptions& options = {});
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// One chunk: hidden_btd [rows, tokens, width] from the chunk before (undefined on the model's first chunk) to hidden states
  /// of the same shape; on the last chunk they are final (normed), as the head takes them. In the store's compute dtype.
  at::Tensor forward(int chunk, const Input& input, const at::Tensor& hidden_btd, const Pass& pass) const;

  /// The head for one pass; weight gradients go to `sink` (null: none). Only where has_head().
  Head head(parallel::GradSink* sink) const;

  int chunk_count() const;             ///< of this stage
  bool is_first(int chunk) const;      ///< holds the embedding
  bool is_last(int chunk) const;       ///< holds final norm and head
  bool has_head() const;               ///< some chunk here is the last one
  std::vector<int> layers_of(int chunk) const;                          ///< global layer numbers
  std::vector<int64_t> hidden_shape(int64_t rows, int64_t tokens) const;///< between chunks; tokens = of one context rank, before the sequence cut

  /// Caches for incremental decoding of up to `rows` sequences of `max_length` tokens: one state per layer of this rank.
  std::vector<std::unique_ptr<LayerState>> make_states(int64_t rows, int64_t max_length) const;

  const ModelConfig& config() const;
  HeadKind head_kind() const;
  parallel::ParamStore& params() const;
  const parallel::ParallelContext& context() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Cuts consecutive layers into `parts` runs whose largest cost is smallest; result[i] is the number of layers of part i (at least
/// 1 each where there are enough layers). `first_extra` and `last_extra` are costs that ride on the first and last part (embedding, head).
std::vector<int> split_layers(const std::vector<double>& costs, int parts, double first_extra = 0, double last_extra = 0);

}  // namespace strata::model
