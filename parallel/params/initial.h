// Initial values: every element a function of (seed, name, element of the whole tensor), so that
// any cut starts from the same bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "parallel/params/param_store.h"

namespace strata::parallel {

/// Fills the local shard, fp32 on the CPU, flat and contiguous. `name`: the owner's where the
/// parameter is tied.
void fill_initial(at::Tensor& local, const ParamSpec& spec, const std::string& name, uint64_t seed);

}  // namespace strata::parallel
