// What a decoder is made of: an embedding and blocks, and what they are told in one pass.
// The layers of an architecture stand behind these two verbs; a recurrent block or a hand-fused one fits behind them as well.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace strata::parallel {
class GradSink;
}

namespace strata::model {

/// The tokens of one microbatch. Every stage of the pipeline is given it.
struct Input {
  at::Tensor tokens_bt;     ///< int64 [rows, tokens]
  at::Tensor positions_bt;  ///< int64 [rows, tokens], within the document; undefined: 0, 1, 2 ... in every row
  at::Tensor document_bt;   ///< int64 [rows, tokens]: attention stays inside equal numbers; undefined: every row is one document
};

/// What keys dropout: the mask of an element is a function of (seed, step, sample, layer, place in the whole tensor).
struct DropoutKey {
  uint64_t seed = 0;
  int64_t step = 0;
  std::vector<int64_t> samples;  ///< global sample number of each row
};

enum class Recompute : uint8_t { kNone, kSelective, kFull };

/// What a block remembers of earlier tokens while text is generated: keys and values, or a recurrent state.
class LayerState {
 public:
  virtual ~LayerState() = default;
};

/// Which rows of the layer states the rows of an incremental pass stand for: row i of the input continues the sequence in cache row
/// cache_rows[i], which holds lengths[i] tokens; token_counts[i] of the input's columns are real, the rest is padding on the right.
struct Continuation {
  std::vector<int64_t> cache_rows;
  std::vector<int64_t> lengths;
  std::vector<int64_t> token_counts;
};

/// How a pass is to be run.
struct Pass {
  parallel::GradSink* sink = nullptr;   ///< where weight gradients go; null: none are made
  const DropoutKey* dropout = nullptr;  ///< null: no dropout
  Recompute recompute = Recompute::kNone;
  bool adapters = true;                 ///< false: without LoRA's share (the reference model)
  const Continuation* continuation = nullptr;                        ///< incremental decoding ...
  const std::vector<std::unique_ptr<LayerState>>* states = nullptr;  ///< ... on these states, one per layer of this rank
};

class Embedding {
 public:
  virtual ~Embedding() = default;
  /// [rows, tokens] ids to [rows, tokens, width].
  virtual at::Tensor forward(const Input& input, const Pass& pass) const = 0;
};

class Block {
 public:
  virtual ~Block() = default;
  /// [rows, tokens, width] to the same; differentiable in x_btd. `state` is null except in incremental decoding.
  virtual at::Tensor forward(const at::Tensor& x_btd, const Input& input, const Pass& pass, LayerState* state) const = 0;
  virtual std::unique_ptr<LayerState> make_state(int64_t rows, int64_t max_length) const = 0;
};

}  // namespace strata::model
