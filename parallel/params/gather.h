// Between slices of flat buffers and whole tensors: how masters, optimizer state and gradients of
// any layout become what a checkpoint holds, and back. Knows buckets and shards; no optimizer, no
// file.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "parallel/params/param_store.h"
#include "parallel/params/shard_spec.h"

namespace strata::parallel {

/// This rank's part of a parameter in its bucket's slice: runs whose `local` counts from the
/// slice's begin.
std::vector<Run> runs_in_slice(const ParamStore& store, ParamId id);

/// The whole tensor of a parameter in fp32, put together from all ranks' slices (one fp32 tensor
/// per bucket); the same bits on every rank of the stage. Collective over the stage.
at::Tensor gather_whole(const ParamStore& store, ParamId id, std::span<const at::Tensor> slices);

/// The reverse, without communication: every rank takes its part of `whole` (fp32, contiguous, on
/// the CPU).
void take_from_whole(const ParamStore& store, ParamId id, std::span<const at::Tensor> slices,
                     const at::Tensor& whole);

/// Copies of the runs that this rank's tensor axis shares: whether this parameter's gradients are
/// summed over it.
bool sums_over_tensor(const ParamSpec& spec);

/// The axes along which the slices of a parameter's bucket differ, tensor among them.
AxisSet axes_of_pieces(const ParamStore& store, ParamId id);

}  // namespace strata::parallel
