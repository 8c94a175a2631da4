// The choice of the next token from logits. Pure: the noise is a function of (seed, step, answer
// number, position), so any batch and any layout of ranks draws the same.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "model/generator.h"

namespace strata::model {

struct Choice {
  int32_t token = 0;
  float logprob = 0;
};

/// Which draw a row makes.
struct Draw {
  int64_t answer = 0;    ///< number of the answer
  int64_t position = 0;  ///< of the token in the answer
};

/// One token per row of logits_nv (fp32, CPU, [draws.size(), vocabulary]). Order of the filters as
/// in transformers: temperature, then top_k, then top_p on what is left; the token is where the
/// cumulative probability passes the uniform draw, in order of ids (of likelihood where a filter
/// sorts anyway).
std::vector<Choice> choose(const at::Tensor& logits_nv, std::span<const Draw> draws,
                           const SamplingConfig& sampling);

}  // namespace strata::model
