// What a decoder is made of: an embedding and blocks, and what they are told in one pass.
// The layers of an architecture stand behind these verbs; a recurrent block or a hand-fused one
// fits behind them as well. Between them activations are x_nd [n, width] with n = rows x time,
// flattened; under sequence parallelism a tensor rank holds n / ranks consecutive ones.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "parallel/layers/pass.h"

namespace strata::model {

/// What is recomputed in backward instead of kept: nothing, the feed-forward's inside, or whole
/// blocks.
enum class Recompute : uint8_t { kNone, kSelective, kFull };

/// What a block remembers of earlier tokens while text is generated (keys and values, or a
/// recurrent state), a row per sequence.
class LayerState {
 public:
  virtual ~LayerState() = default;
  /// Row `to` becomes a copy of row `from`.
  virtual void move_row(int64_t from, int64_t to) = 0;
};

/// Where the rows of an incremental pass stand in the layer states: input row i continues state row
/// first_row + i at place start_b[i].
struct Continuation {
  int64_t first_row = 0;
  at::Tensor start_b;   ///< int64 [rows], on the CPU
  at::Tensor places_n;  ///< int64 [n]: state row * max_length + place of each token of the input
};

struct BlockInput {
  parallel::Pass pass;
  int64_t rows = 0, time = 0;
  at::Tensor tokens_bt;    ///< int64; read by the embedding alone
  at::Tensor positions_n;  ///< int64 [n], within the document
  at::Tensor document_bt;  ///< int64; undefined: every row is one document
  at::Tensor columns_t;    ///< int64: the places of these tokens in rows that are cut over the
                           ///< context axis; undefined: rows are whole
  at::Tensor read_n;  ///< int64: the tokens that are asked of this block, in order: the stream it
                      ///< gives has these alone; undefined: all
  Recompute recompute = Recompute::kNone;
  LayerState* state = nullptr;  ///< of this block; null but in incremental decoding
  const Continuation* continuation = nullptr;
};

/// The hidden state is residual + delta; the addition is left to the next norm, which reads both
/// anyway. delta may be undefined.
struct Stream {
  at::Tensor residual_nd, delta_nd;
};
at::Tensor sum_of(const Stream& stream);

class Embedding {
 public:
  virtual ~Embedding() = default;
  virtual at::Tensor forward(const BlockInput& input) const = 0;
};

class Block {
 public:
  virtual ~Block() = default;
  virtual Stream forward(const Stream& x, const BlockInput& input) const = 0;
  virtual std::unique_ptr<LayerState> make_state(int64_t rows, int64_t max_length) const = 0;
};

/// What stands between the last block and the head.
class FinalNorm {
 public:
  virtual ~FinalNorm() = default;
  virtual at::Tensor forward(const Stream& x, const BlockInput& input) const = 0;
};

}  // namespace strata::model
