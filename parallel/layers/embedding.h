// Token embedding cut over the vocabulary, and learned positions. Their outputs require grad where
// the pass has a sink, although no input does: that is how backward reaches the embedding.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "parallel/layers/pass.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

/// Parameter NAME.weight [vocab, width], cut by rows, unevenly where the vocabulary does not
/// divide.
class VocabParallelEmbedding {
 public:
  struct Shape {
    int64_t vocab, width;
    double init_std = 0.02;
    int uses = 1;  ///< 2 where the head of the same stage is tied to it
  };
  VocabParallelEmbedding(ParamStore& store, const std::string& name, const Shape& shape);
  /// ids_bt int64 -> [b * t, width]; with pass.sequence this rank's slice of the tokens.
  at::Tensor operator()(const at::Tensor& ids_bt, const Pass& pass) const;
  ParamId weight() const { return weight_; }

 private:
  /// Backward for these rows of the table here (-1: of another rank).
  std::function<std::vector<at::Tensor>(const at::Tensor& grad_nd)> gradient_of(
      const at::Tensor& rows_n, const Pass& pass) const;

  ParamStore* store_;
  ParamId weight_;
};

/// Learned positions: NAME.weight [positions, width], whole on every tensor rank.
class PositionEmbedding {
 public:
  struct Shape {
    int64_t positions, width;
    double init_std = 0.02;
    bool sequence = false;  ///< trained with pass.sequence
  };
  PositionEmbedding(ParamStore& store, const std::string& name, const Shape& shape);
  /// x_nd + position vectors of positions_bt int64 (all tokens of the microbatch; with
  /// pass.sequence the slice is cut here).
  at::Tensor add_to(const at::Tensor& x_nd, const at::Tensor& positions_bt, const Pass& pass) const;

 private:
  ParamStore* store_;
  ParamId weight_;
};

}  // namespace strata::parallel
