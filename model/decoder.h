// The part of a model that one rank holds: chunks of [embedding] blocks [final norm, head], over a
// ParamStore. A pipeline stage has one chunk or several (interleaved schedules); without pipeline
// there is one chunk with everything. A forward pass is differentiable and keeps nothing in the
// decoder: microbatches may be in flight together. Knows neither loss nor schedule nor data; what a
// block is made of is the architecture's affair (model/architecture.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "model/block.h"
#include "model/config.h"
#include "model/head.h"
#include "model/lora.h"

namespace strata::parallel {
class ParallelContext;
class ParamStore;
}  // namespace strata::parallel

namespace strata::model {

/// The tokens of one microbatch. Every stage of the pipeline is given it.
struct Input {
  at::Tensor tokens_bt;       ///< int64 [rows, tokens]
  at::Tensor positions_bt{};  ///< int64 [rows, tokens], within the document; undefined: the columns
  at::Tensor document_bt{};   ///< int64 [rows, tokens]: attention stays inside equal numbers;
                              ///< undefined: every row is one document
  at::Tensor columns_t{};     ///< int64 [tokens]: which columns of the whole rows these are, where
                              ///< the context ranks share them; undefined: rows are whole
  at::Tensor read_n{};        ///< int64: numbers (row * tokens + column), in order, of the tokens
                              ///< that the head is asked about; undefined: all
};

/// What keys the draws of a training pass: the mask and the noise of an element are functions of
/// (seed, step, sample, layer, place in the whole tensor).
struct DropoutKey {
  uint64_t seed = 0;
  int64_t step = 0;
  at::Tensor samples_b;   ///< int64: global sample number of each row
  at::Tensor noise_bt{};  ///< fp32: the noise on a token's embedding is uniform within this;
                          ///< undefined: none
};

/// What this rank's blocks remember of `rows` sequences of up to `max_length` tokens.
struct LayerStates {
  int64_t rows = 0, max_length = 0;
  std::vector<std::unique_ptr<LayerState>> layers;  ///< in the order of chunks
};

/// How a pass is to be run.
struct Pass {
  parallel::GradSink* sink = nullptr;   ///< where weight gradients go; null: none are made
  const DropoutKey* dropout = nullptr;  ///< null: neither dropout nor noise
  Recompute recompute = Recompute::kNone;
  bool adapters = true;  ///< false: without LoRA's share (the reference model)
};

struct DecoderOptions {
  HeadKind head = HeadKind::kLanguage;
  int chunks_per_stage = 1;
  bool sequence_parallel = false;  ///< between blocks the tokens are cut over the tensor axis,
                                   ///< wherever rows x tokens divides
  LoraConfig lora = {};            ///< adapters beside the linear layers; rank 0: none
};

class Decoder {
 public:
  /// Adds this rank's parameters to `params`, named by global layer number; the caller materializes
  /// the store afterwards. Stages and chunks get runs of layers of about equal cost. UserError
  /// where the layout does not fit the model.
  Decoder(parallel::ParamStore& params, const parallel::ParallelContext& context,
          const ModelConfig& config, const DecoderOptions& options = {});
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// One chunk: hidden states of the chunk before (undefined on the model's first chunk) to hidden
  /// states of the same shape, hidden_shape(); on the last chunk they are final (normed), as the
  /// head takes them, of the tokens in input.read_n alone (of all where tokens are cut over the
  /// tensor axis). In the store's compute dtype.
  at::Tensor forward(int chunk, const Input& input, const at::Tensor& hidden_nd,
                     const Pass& pass) const;

  /// The same in incremental decoding: input row i continues state row first_row + i, whose next
  /// place is start_b[i] (int64, CPU); positions are the places. Tokens of padding on the right
  /// leave garbage in places that later tokens overwrite. Of `input` tokens and read_n alone are
  /// looked at. No graph; never cut by tokens.
  at::Tensor forward_from(int chunk, const Input& input, const at::Tensor& start_b,
                          int64_t first_row, LayerStates& states,
                          const at::Tensor& hidden_nd) const;
  /// Empty states for forward_from.
  LayerStates make_states(int64_t rows, int64_t max_length) const;

  /// The head for what forward() made of `input`; weight gradients go to `sink` (null: none). Only
  /// where has_head().
  Head head(parallel::GradSink* sink, const Input& input = {}) const;

  int chunk_count() const;                      ///< of this stage
  bool is_first(int chunk) const;               ///< holds the embedding
  bool is_last(int chunk) const;                ///< holds final norm and head
  bool has_head() const;                        ///< some chunk here is the last one
  std::vector<int> layers_of(int chunk) const;  ///< global layer numbers
  /// Of what forward() gives and takes for `rows` x `tokens` (of one context rank): [n, width], n
  /// cut over the tensor axis under sequence parallelism.
  std::vector<int64_t> hidden_shape(int64_t rows, int64_t tokens) const;

  const ModelConfig& config() const;
  const DecoderOptions& options() const;
  parallel::ParamStore& params() const;
  const parallel::ParallelContext& context() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Cuts consecutive layers into `parts` runs whose largest cost is smallest; result[i] is the
/// number of layers of part i, at least one (there are at least as many layers as parts).
/// `first_extra` and `last_extra` are costs that ride on the first and last part (embedding, head).
std::vector<int> split_layers(const std::vector<double>& costs, int parts, double first_extra = 0,
                              double last_extra = 0);

}  // namespace strata::model
