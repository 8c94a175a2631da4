// Dropout whose mask is a function of names, not of an order of draws: element (token, feature) is
// kept or not by Philox(key; token's number, feature). Any cut of tokens or features, any
// micro-batch and any recompute draws the same mask.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace strata::kernels {

struct DropoutMask {
  double p = 0.0;             ///< probability of zero; the rest is scaled by 1 / (1 - p)
  uint64_t key = 0;           ///< of (seed, step, layer site)
  at::Tensor token_n;         ///< int64: a number for each row's token, unique in the global batch
  int64_t first_feature = 0;  ///< where the columns of this slice begin in the whole tensor
};

/// Element (token, feature) is dropped where word feature % 4 of the Philox block
/// (key; token, feature / 4) lies below this.
uint32_t dropout_threshold(double p);

/// mask * x (+ residual where it is defined). x_nd, residual_nd [n, d] contiguous. Its own
/// backward: apply it to the gradient.
at::Tensor dropout_add(const at::Tensor& x_nd, const at::Tensor& residual_nd,
                       const DropoutMask& mask);

}  // namespace strata::kernels
