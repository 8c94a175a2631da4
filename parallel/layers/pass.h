// How one pass through the layers runs: where weight gradients go, how activations are cut, which
// random numbers are drawn. The layers are plain classes over a ParamStore; their autograd nodes
// keep a copy of the Pass for their backward.
//
// Activations between layers are 2-D, x_nd [n, d] with n = rows x time of the microbatch,
// flattened: a norm or a residual does not care which tokens it holds. Under sequence parallelism
// each tensor rank holds n / ranks consecutive ones of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "kernels/dropout.h"
#include "kernels/noise.h"

namespace strata::parallel {

class GradSink;

/// The names of a pass's random draws. token_n gives every token of the microbatch (all of them,
/// before any cut over the tensor axis) its number in the global batch: see token_numbers().
struct DropoutKey {
  uint64_t seed = 0;
  int64_t step = 0;
  at::Tensor token_n;  ///< int64; undefined: nothing is drawn in this pass (evaluation, generation)
  at::Tensor noise_n;  ///< fp32: bounds of the noise on the tokens' embeddings; undefined: none
};

/// Numbers of the tokens of a microbatch: sample_b (global sample numbers, int64 [b]) and t columns
/// from `first` on -> int64 [b * t]. Context-parallel ranks give their own columns: index_t int64
/// [t] of the whole sequence.
at::Tensor token_numbers(const at::Tensor& sample_b, const at::Tensor& index_t);

struct Pass {
  GradSink* sink = nullptr;  ///< nullptr: no weight gradients
  bool adapters = true;      ///< false: low-rank adapters are left out (reference model)
  bool sequence = false;     ///< activations outside the column..row pairs are cut over the tensor
                             ///< axis; n must divide
  DropoutKey dropout;
};

/// The mask of one place in the model (`site`: its global name, such as "layers.3.mlp") for all
/// tokens of the pass.
kernels::DropoutMask dropout_mask(const Pass& pass, double p, std::string_view site);

/// The noise on the embeddings of all tokens of a pass that has some.
kernels::UniformNoise embedding_noise(const Pass& pass);

}  // namespace strata::parallel
