// A low-rank adapter of a linear layer, or of a run of its features (Hu et al., "LoRA", 2021):
// y += scale (x A^T) B^T, with A [rank, in] and B [out, rank]. The layer it belongs to calls it in
// its forward and backward, before its own sums over the tensor axis, so that the adapter needs no
// communication of its own. Parameters NAME.lora_a and NAME.lora_b; B starts at zero, A as PEFT's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/layers/pass.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

/// An adapter that a linear layer is to have.
struct AdapterShape {
  std::string name;  ///< whole name: "layers.3.attention.q"
  int64_t rank;
  double scale;  ///< alpha / rank
  /// Of a column-parallel layer: which of its pieces, from first_piece on; 0 = all.
  int first_piece = 0, pieces = 0;
};

class LowRankAdapter {
 public:
  /// Column-parallel: A is whole on every tensor rank, B is cut like the features that it makes.
  /// They lie at first_feature .. first_feature + local features of the layer's output here.
  static LowRankAdapter of_columns(ParamStore& store, const AdapterShape& shape, int64_t in,
                                   ShardSpec b, int64_t first_feature);
  /// Row-parallel: A is cut like the features that come in, B is whole on every tensor rank.
  static LowRankAdapter of_rows(ParamStore& store, const AdapterShape& shape, ShardSpec a,
                                int64_t out);

  /// y_nf += this rank's share. x_nd: what the layer multiplies with its weight.
  void add_to(at::Tensor& y_nf, const at::Tensor& x_nd) const;
  /// Gives the gradients of A and B to the pass's sink and adds its share to grad_x_nd. grad_nf:
  /// the gradient of all of the layer's features here.
  void backward(const at::Tensor& grad_nf, const at::Tensor& x_nd, at::Tensor& grad_x_nd,
                const Pass& pass) const;

 private:
  LowRankAdapter(ParamStore& store, const AdapterShape& shape, ShardSpec a, ShardSpec b,
                 int64_t first_feature);
  at::Tensor own_features(const at::Tensor& y_nf) const;

  ParamStore* store_;
  ParamId a_, b_;
  double scale_;
  int64_t first_feature_, features_;
};

}  // namespace strata::parallel
