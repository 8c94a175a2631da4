#include "model/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "base/error.h"
#include "model/architecture.h"
#include "parallel/layers/functions.h"
#include "parallel/layers/head.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"

namespace strata::model {
namespace {

void when_gradient_is_there(const at::Tensor& x, std::function<void()> act) {
  if (x.requires_grad()) x.register_hook([act = std::move(act)](const at::Tensor&) { act(); });
}

struct ChunkParts {
  std::vector<int> layers;  // global numbers
  size_t first_state = 0;   // of the first layer, among the states of this rank
  std::unique_ptr<Embedding> embedding;
  std::vector<std::unique_ptr<Block>> blocks;
  std::unique_ptr<FinalNorm> final_norm;
};

// How the model's layers fall to stages and chunks: chunk c of stage s is part c * stages + s.
std::vector<int> layers_per_part(const ModelConfig& config, HeadKind head, int parts) {
  if (config.layers < parts) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("parallel.pipeline x parallel.chunks is {}, but the model has only {} layers",
                    parts, config.layers));
  }
  std::vector<double> costs;
  for (int layer = 0; layer < config.layers; ++layer) {
    costs.push_back(architecture_of(config.architecture)
                        .block_flops(config, layer, mean_attended(config, config.context)));
  }
  return split_layers(costs, parts, /*first_extra=*/0, head_flops(config, head));
}

}  // namespace

at::Tensor sum_of(const Stream& stream) {
  return stream.delta_nd.defined() ? stream.residual_nd + stream.delta_nd : stream.residual_nd;
}

struct Decoder::State {
  parallel::ParamStore& params;
  const parallel::ParallelContext& context;
  ModelConfig config;
  DecoderOptions options;
  int parts, stage, stages;
  std::vector<ChunkParts> chunks;
  std::optional<parallel::LanguageHead> language_head;
  std::optional<parallel::ScalarHead> scalar_head;

  // Units that ZeRO 3 gathers together: the embedding, each layer, final norm and head.
  static constexpr int kEmbeddingUnit = 0;
  static int unit_of(int layer) { return layer + 1; }
  int head_unit() const { return static_cast<int>(config.layers) + 1; }
  bool gathers() const { return params.options().zero == 3; }

  int part_of(int chunk) const { return chunk * stages + stage; }
  int tensor_ranks() const { return context.layout().tensor(); }

  void build();
  void build_head(bool tied_here);
  bool cuts_tokens(int64_t tokens) const;
  at::Tensor read_of(const Input& input) const;
  BlockInput block_input(const at::Tensor& tokens_bt) const;
  at::Tensor run(const ChunkParts& chunk, BlockInput& input, const at::Tensor& hidden_nd,
                 LayerStates* states) const;
  Stream run_block(const ChunkParts& chunk, size_t index, const Stream& x,
                   const BlockInput& input) const;
  at::Tensor run_end(const ChunkParts& chunk, const Stream& x, const BlockInput& input) const;
  void prefetch_after(const ChunkParts& chunk, size_t index) const;
};

// ---- making

void Decoder::State::build() {
  const Architecture& architecture = architecture_of(config.architecture);
  const std::vector<int> counts = layers_per_part(config, options.head, parts);
  const bool tied_here =
      stages == 1 && config.tied_embeddings && options.head == HeadKind::kLanguage;
  Site site{.params = params,
            .context = context,
            .config = config,
            .sequence_parallel = options.sequence_parallel,
            .embedding_uses = tied_here ? 2 : 1,
            .lora = options.lora.rank > 0 ? &options.lora : nullptr};
  size_t states = 0;
  for (int c = 0; c < options.chunks_per_stage; ++c) {
    ChunkParts& chunk = chunks.emplace_back();
    chunk.first_state = states;
    if (part_of(c) == 0) {
      params.begin_block(kEmbeddingUnit);
      chunk.embedding = architecture.make_embedding(site);
    }
    int layer = 0;
    for (int part = 0; part < part_of(c); ++part) layer += counts[part];
    for (const int end = layer + counts[part_of(c)]; layer < end; ++layer, ++states) {
      params.begin_block(unit_of(layer));
      chunk.layers.push_back(layer);
      chunk.blocks.push_back(architecture.make_block(site, layer));
    }
    if (part_of(c) == parts - 1) {
      params.begin_block(head_unit());
      chunk.final_norm = architecture.make_final_norm(site);
      build_head(tied_here);
    }
  }
}

void Decoder::State::build_head(bool tied_here) {
  const int64_t width = config.width;
  if (options.head == HeadKind::kScalar) {  // as in "Learning to summarize from human feedback":
                                            // normal with 1 / sqrt(width + 1)
    scalar_head.emplace(
        params, "head",
        parallel::ScalarHead::Shape{.width = width,
                                    .init_std = 1.0 / std::sqrt(static_cast<double>(width) + 1)});
  } else if (tied_here) {
    language_head.emplace(params, params.find("embedding.weight"));
  } else {
    language_head.emplace(
        params, "head",
        parallel::LanguageHead::Shape{.vocab = config.vocabulary(),
                                      .width = width,
                                      .init_std = 0.02,
                                      .tied_to = config.tied_embeddings ? "embedding.weight" : ""});
  }
}

Decoder::Decoder(parallel::ParamStore& params, const parallel::ParallelContext& context,
                 const ModelConfig& config, const DecoderOptions& options) {
  const int stages = context.layout().pipeline();
  state_.reset(new State{.params = params,
                         .context = context,
                         .config = config,
                         .options = options,
                         .parts = stages * options.chunks_per_stage,
                         .stage = context.coord().pipeline,
                         .stages = stages,
                         .chunks = {},
                         .language_head = {},
                         .scalar_head = {}});
  state_->build();
}

Decoder::~Decoder() = default;

// ---- running

/// Whether `tokens` of a micro-batch are shared out over the tensor axis between the blocks.
bool Decoder::State::cuts_tokens(int64_t tokens) const {
  return options.sequence_parallel && tensor_ranks() > 1 && tokens % tensor_ranks() == 0;
}

/// The tokens to leave the last block. Where the tensor ranks share them every one has other ones,
/// and all stay.
at::Tensor Decoder::State::read_of(const Input& input) const {
  return input.read_n.defined() && !cuts_tokens(input.tokens_bt.numel()) ? input.read_n
                                                                         : at::Tensor();
}

BlockInput Decoder::State::block_input(const at::Tensor& tokens_bt) const {
  BlockInput input;
  input.rows = tokens_bt.size(0);
  input.time = tokens_bt.size(1);
  input.tokens_bt = tokens_bt;
  if (input.time > config.context) {
    throw base::UserError(base::kBadUsage,
                          fmt::format("a sequence of {} tokens is longer than model.context, {}",
                                      input.time, config.context));
  }
  return input;
}

at::Tensor Decoder::forward(int chunk, const Input& in, const at::Tensor& hidden_nd,
                            const Pass& pass) const {
  const State& s = *state_;
  BlockInput input = s.block_input(in.tokens_bt);
  const auto whole_numbers = in.tokens_bt.options();
  const at::Tensor columns_t =
      in.columns_t.defined() ? in.columns_t : at::arange(input.time, whole_numbers);
  input.positions_n =
      in.positions_bt.defined() ? in.positions_bt.flatten() : columns_t.repeat({input.rows});
  input.document_bt = in.document_bt;
  input.columns_t = in.columns_t;
  if (is_last(chunk)) input.read_n = s.read_of(in);
  input.recompute = pass.recompute;
  input.pass.sink = pass.sink;
  input.pass.adapters = pass.adapters;
  input.pass.sequence = s.cuts_tokens(input.rows * input.time);
  if (pass.sink && s.options.sequence_parallel && s.tensor_ranks() > 1 && !input.pass.sequence) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("parallel.sequence: {} x {} tokens do not divide over {} tensor ranks",
                    input.rows, input.time, s.tensor_ranks()));
  }
  const bool noise = pass.dropout && pass.dropout->noise_bt.defined();
  if (noise || (pass.dropout && s.config.dropout > 0)) {
    input.pass.dropout = {.seed = pass.dropout->seed,
                          .step = pass.dropout->step,
                          .token_n = parallel::token_numbers(pass.dropout->samples_b, columns_t),
                          .noise_n = noise ? pass.dropout->noise_bt.flatten() : at::Tensor()};
  }
  return s.run(s.chunks.at(chunk), input, hidden_nd, nullptr);
}

at::Tensor Decoder::forward_from(int chunk, const Input& in, const at::Tensor& start_b,
                                 int64_t first_row, LayerStates& states,
                                 const at::Tensor& hidden_nd) const {
  const at::NoGradGuard no_grad;
  BlockInput input = state_->block_input(in.tokens_bt);
  if (is_last(chunk)) input.read_n = in.read_n;
  const at::Tensor position_bt = start_b.unsqueeze(1) + at::arange(input.time, start_b.options());
  const at::Tensor first_place_b =
      at::arange(first_row, first_row + input.rows, start_b.options()) * states.max_length;
  input.positions_n = position_bt.flatten().to(in.tokens_bt.device());
  const Continuation continuation{
      .first_row = first_row,
      .start_b = start_b,
      .places_n = (position_bt + first_place_b.unsqueeze(1)).flatten().to(in.tokens_bt.device())};
  input.continuation = &continuation;
  return state_->run(state_->chunks.at(chunk), input, hidden_nd, &states);
}

at::Tensor Decoder::State::run(const ChunkParts& chunk, BlockInput& input,
                               const at::Tensor& hidden_nd, LayerStates* states) const {
  Stream x{hidden_nd, {}};
  if (chunk.embedding) {
    x.residual_nd = chunk.embedding->forward(input);
    params.release(kEmbeddingUnit);
  }
  const at::Tensor read_n = std::exchange(input.read_n, {});
  for (size_t i = 0; i < chunk.blocks.size(); ++i) {
    prefetch_after(chunk, i);
    if (i + 1 == chunk.blocks.size()) input.read_n = read_n;
    input.state = states ? states->layers.at(chunk.first_state + i).get() : nullptr;
    x = run_block(chunk, i, x, input);
    params.release(unit_of(chunk.layers[i]));
  }
  return chunk.final_norm ? run_end(chunk, x, input) : sum_of(x);
}

void Decoder::State::prefetch_after(const ChunkParts& chunk, size_t index) const {
  if (index + 1 < chunk.layers.size()) {
    params.prefetch(unit_of(chunk.layers[index + 1]));
  } else if (chunk.final_norm) {
    params.prefetch(head_unit());
  }
}

// The head runs after this pass; when the gradient comes back from it its parameters are done with.
at::Tensor Decoder::State::run_end(const ChunkParts& chunk, const Stream& x,
                                   const BlockInput& input) const {
  const at::Tensor h_nd = chunk.final_norm->forward(x, input);
  if (gathers()) {
    when_gradient_is_there(h_nd, [this] {
      params.release(head_unit());
      params.release(kEmbeddingUnit);
    });
  }
  return h_nd;
}

// In backward, ZeRO 3 fetches the layer below while this one computes, and drops this one when its
// input's gradient is there.
Stream Decoder::State::run_block(const ChunkParts& chunk, size_t index, const Stream& x,
                                 const BlockInput& input) const {
  const Block& block = *chunk.blocks[index];
  if (gathers()) {
    when_gradient_is_there(x.residual_nd, [&params = params, unit = unit_of(chunk.layers[index])] {
      params.release(unit);
    });
  }
  Stream out;
  if (input.recompute == Recompute::kFull) {
    const auto whole_block = [&block, input](const at::Tensor& x_nd) {
      return sum_of(block.forward({x_nd, {}}, input));
    };
    out.residual_nd = parallel::checkpointed(whole_block, sum_of(x));
  } else {
    out = block.forward(x, input);
  }
  if (gathers() && index > 0) {
    when_gradient_is_there(
        out.residual_nd,
        [&params = params, unit = unit_of(chunk.layers[index - 1])] { params.prefetch(unit); });
  }
  return out;
}

LayerStates Decoder::make_states(int64_t rows, int64_t max_length) const {
  LayerStates states{.rows = rows, .max_length = max_length, .layers = {}};
  for (const ChunkParts& chunk : state_->chunks) {
    for (const auto& block : chunk.blocks)
      states.layers.push_back(block->make_state(rows, max_length));
  }
  return states;
}

// ---- telling

Head Decoder::head(parallel::GradSink* sink, const Input& input) const {
  base::ensure(has_head(), "this stage has no head");
  const State& s = *state_;
  return Head({.language = s.language_head ? &*s.language_head : nullptr,
               .scalar = s.scalar_head ? &*s.scalar_head : nullptr},
              sink, s.read_of(input));
}

int Decoder::chunk_count() const { return static_cast<int>(state_->chunks.size()); }
bool Decoder::is_first(int chunk) const { return state_->part_of(chunk) == 0; }
bool Decoder::is_last(int chunk) const { return state_->part_of(chunk) == state_->parts - 1; }
bool Decoder::has_head() const { return state_->language_head || state_->scalar_head; }
std::vector<int> Decoder::layers_of(int chunk) const { return state_->chunks.at(chunk).layers; }

std::vector<int64_t> Decoder::hidden_shape(int64_t rows, int64_t tokens) const {
  const int64_t n = rows * tokens;
  return {state_->cuts_tokens(n) ? n / state_->tensor_ranks() : n, state_->config.width};
}

const ModelConfig& Decoder::config() const { return state_->config; }
const DecoderOptions& Decoder::options() const { return state_->options; }
parallel::ParamStore& Decoder::params() const { return state_->params; }
const parallel::ParallelContext& Decoder::context() const { return state_->context; }

}  // namespace strata::model
