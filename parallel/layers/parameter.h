// What the parametric layers ask of a store and of a pass.
#pragma once

#include <ATen/core/Tensor.h>

#include "parallel/layers/pass.h"
#include "parallel/mesh/context.h"
#include "parallel/params/grad_sink.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

/// The tensor axis of a store's mesh.
inline Communicator& tensor_axis(const ParamStore& store) {
  return store.context().along(kTensorAxis);
}

/// The value of a parameter that may not be there (a bias).
inline at::Tensor used_or_none(const ParamStore& store, ParamId id) {
  return id.valid() ? store.use(id) : at::Tensor();
}

inline bool wants_gradient(const Pass& pass, ParamId id) {
  return pass.sink && id.valid() && pass.sink->wants(id);
}

}  // namespace strata::parallel
