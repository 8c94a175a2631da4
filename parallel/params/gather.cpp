#include "parallel/params/gather.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/params/buckets.h"

namespace strata::parallel {
namespace {

const Bucket& bucket_of(const ParamStore& store, ParamId id) {
  return store.buckets().all[static_cast<size_t>(store[id].bucket)];
}

/// memcpy of every run between a slice and a whole tensor, both fp32 on the CPU.
template <class Copy>
void for_runs(const ParamStore& store, ParamId id, const Copy& copy) {
  for (const Run& run : runs_in_slice(store, id))
    copy(run, static_cast<size_t>(run.count) * sizeof(float));
}

}  // namespace

std::vector<Run> runs_in_slice(const ParamStore& store, ParamId id) {
  const Param& param = store[id];
  const Slice& slice = bucket_of(store, id).slice;
  std::vector<Run> runs =
      runs_within(param.spec.shard, slice.begin - param.offset, slice.end - param.offset);
  for (Run& run : runs) run.local += param.offset - slice.begin;
  return runs;
}

AxisSet axes_of_pieces(const ParamStore& store, ParamId id) {
  return bucket_of(store, id).is_cut() ? kTensorAxis | kGradientAxes : kTensorAxis;
}

bool sums_over_tensor(const ParamSpec& spec) {
  const bool is_shared =
      std::ranges::any_of(spec.shard.ranges, [](const Range& range) { return range.copies > 1; });
  const bool is_cut = spec.shard.local_size() < spec.shard.global_size();
  return is_shared && (spec.sum_over_tensor || is_cut);
}

at::Tensor gather_whole(const ParamStore& store, ParamId id, std::span<const at::Tensor> slices) {
  const Param& param = store[id];
  // 1. Our own part in a zeroed whole.
  at::Tensor whole = at::zeros({param.spec.shard.global_size()}, at::kFloat);
  const at::Tensor slice = slices[static_cast<size_t>(param.bucket)].to(at::kCPU);
  auto* to = whole.data_ptr<float>();
  const auto* from = slice.const_data_ptr<float>();
  for_runs(store, id, [&](const Run& run, size_t bytes) {
    if (run.copy == 0) std::memcpy(to + run.global, from + run.local, bytes);
  });
  // 2. All parts. Bits are added as integers: a zero then keeps any of them, those of -0.0 and of a
  // NaN too.
  Communicator& holders = store.context().along(axes_of_pieces(store, id));
  if (holders.size() > 1) {
    at::Tensor bits = whole.to(holders.device()).view(at::kInt);
    all_reduce_wait(holders, bits);
    whole = bits.view(at::kFloat);
  }
  return whole.view(param.spec.shard.global_shape);
}

void take_from_whole(const ParamStore& store, ParamId id, std::span<const at::Tensor> slices,
                     const at::Tensor& whole) {
  const Param& param = store[id];
  base::ensure(whole.numel() == param.spec.shard.global_size(),
               param.name + ": a whole tensor was expected");
  const at::Tensor& slice = slices[static_cast<size_t>(param.bucket)];
  at::Tensor host = slice.to(at::kCPU);
  auto* to = host.data_ptr<float>();
  const auto* from = whole.const_data_ptr<float>();
  for_runs(store, id, [&](const Run& run, size_t bytes) {
    std::memcpy(to + run.local, from + run.global, bytes);
  });
  if (!slice.is_cpu()) slice.copy_(host);
}

}  // namespace strata::parallel
