// A forward-only pass through all stages of the pipeline, one after the other: the simple form that
// generation and scoring use.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace strata::model {

class Decoder;

/// Calls run(chunk, hidden states of the chunk before) for every chunk of this rank when its turn
/// comes and hands results on. All ranks of the pipeline axis call it together. Returns the final
/// hidden states on the last stage, an undefined tensor elsewhere.
at::Tensor relay(const Decoder& decoder, const std::vector<int64_t>& hidden_shape,
                 const std::function<at::Tensor(int chunk, const at::Tensor& hidden_nd)>& run);

/// The rank within kModelAxes that speaks for a copy of the model: tensor rank 0 of the last stage.
int last_stage_root(const Decoder& decoder);

}  // namespace strata::model
