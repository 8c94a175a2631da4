// RMS and layer norm as layers, alone or with the residual addition before them. Each tensor rank
// norms what it holds: all tokens, or under sequence parallelism its slice, whose weight gradients
// are then summed over the axis.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "kernels/norm.h"
#include "parallel/layers/pass.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

/// Parameters NAME.weight [width] and, where asked for, NAME.bias.
class Norm {
 public:
  struct Shape {
    kernels::NormKind kind;
    int64_t width;
    double eps = 1e-5;
    bool bias = false;
    bool sequence = false;  ///< trained with pass.sequence
  };
  Norm(ParamStore& store, const std::string& name, const Shape& shape);

  at::Tensor operator()(const at::Tensor& x_nd, const Pass& pass) const;

  struct Added {
    at::Tensor residual_nd, y_nd;
  };
  /// residual = x + delta, y = norm(residual), in one pass over memory. delta undefined: residual =
  /// x.
  Added add(const at::Tensor& x_nd, const at::Tensor& delta_nd, const Pass& pass) const;

 private:
  at::Tensor backward(const at::Tensor& grad_y_nd, const at::Tensor& grad_residual_nd,
                      const kernels::NormForward& forward, const Pass& pass) const;

  ParamStore* store_;
  ParamId weight_, bias_;
  kernels::NormKind kind_;
  double eps_;
};

}  // namespace strata::parallel
