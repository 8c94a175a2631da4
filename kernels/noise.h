// Uniform noise that is a function of names, as the mask of dropout is (see dropout.h): any cut of
// tokens, any micro-batch and any recompute draws the same.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace strata::kernels {

struct UniformNoise {
  uint64_t key = 0;    ///< of (seed, step, site)
  at::Tensor token_n;  ///< int64: a number for each row's token, unique in the global batch
  at::Tensor bound_n;  ///< fp32: the noise of this row's features lies in [-bound, bound]
};

/// x_nd + noise, x_nd [n, d] contiguous: element (token, feature) gets bound * w / 2^31, where w is
/// word feature % 4, as a signed number, of the Philox block (key; token, feature / 4).
at::Tensor add_noise(const at::Tensor& x_nd, const UniformNoise& noise);

}  // namespace strata::kernels
