// Linear layers cut over the tensor axis (Shoeybi et al., "Megatron-LM", 2019): a column-parallel
// one makes a slice of the features, a row-parallel one takes such a slice and sums. Weight
// gradients go to the pass's GradSink, never into autograd leaves.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/layers/heads.h"
#include "parallel/layers/low_rank.h"
#include "parallel/layers/pass.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

/// y_nf = x_nd W^T (+ bias): the rows of W (features f) are cut, piece by piece: {q, kv, kv},
/// {gate, up}, or one. x is whole on every tensor rank (sequence: a slice of tokens, gathered
/// here). Backward sums the gradient of x over the axis (sequence: and scatters it), started before
/// the weight's product. Parameters NAME.weight [sum of pieces, in] and NAME.bias.
class ColumnParallelLinear {
 public:
  struct Shape {
    int64_t in;
    std::vector<Piece> out;
    bool bias = false;
    double init_std = 0.02;
    std::vector<AdapterShape> adapters = {};
  };
  ColumnParallelLinear(ParamStore& store, const std::string& name, const Shape& shape);
  /// x_nd [n, in] -> [n, local features], pieces side by side. With pass.sequence: x_nd [n / ranks,
  /// in].
  at::Tensor operator()(const at::Tensor& x_nd, const Pass& pass) const;

 private:
  ParamStore* store_;
  ParamId weight_, bias_;
  std::vector<LowRankAdapter> adapters_;
};

/// y_nd = sum over the axis of x_nf W^T (+ bias, once): the columns of W (features f) are cut.
/// With pass.sequence the sum is scattered: y_nd [n / ranks, out].
class RowParallelLinear {
 public:
  struct Shape {
    Piece in;
    int64_t out;
    bool bias = false;
    double init_std = 0.02;
    bool sequence = false;  ///< trained with pass.sequence: the bias sees a slice of the tokens
    std::vector<AdapterShape> adapters = {};
  };
  RowParallelLinear(ParamStore& store, const std::string& name, const Shape& shape);
  at::Tensor operator()(const at::Tensor& x_nf, const Pass& pass) const;

 private:
  ParamStore* store_;
  ParamId weight_, bias_;
  std::vector<LowRankAdapter> adapters_;
};

}  // namespace strata::parallel
