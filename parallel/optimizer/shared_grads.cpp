#include "parallel/optimizer/shared_grads.h"

#include <ATen/ops/zeros.h>

#include "parallel/comm/collectives.h"
#include "parallel/params/buckets.h"
#include "parallel/params/gather.h"

namespace strata::parallel {

SharedGrads::SharedGrads(ParamStore& params) : params_(params) {
  const bool has_copies = params.context().layout().tensor() > 1;
  int64_t total = 0;
  for (int32_t i = 0; i < static_cast<int32_t>(params.params().size()); ++i) {
    const ParamId id{i};
    if (!params.trains(id)) continue;
    const auto bucket = static_cast<size_t>(params[id].bucket);
    if (has_copies && sums_over_tensor(params[id].spec)) {
      holders_ = &params.context().along(axes_of_pieces(params, id));
      for (const Run& run : runs_in_slice(params, id)) {
        if (run.copies > 1) pieces_.push_back({bucket, run.local, total + run.global, run.count});
      }
      total += params[id].spec.shard.global_size();
    }
    if (params.is_tied_across_stages(id)) tied_buckets_.push_back(bucket);
  }
  if (total > 0)
    wholes_ =
        at::zeros({total}, at::TensorOptions().dtype(at::kFloat).device(params.context().device()));
}

void SharedGrads::sum() {
  if (wholes_.defined()) sum_over_tensor();
  if (!tied_buckets_.empty()) sum_over_ends();
}

/// Each rank lays its pieces into zeroed wholes and takes them back after the sum: copies have been
/// added, wherever the ranks' slices cut them.
void SharedGrads::sum_over_tensor() {
  const auto slice_of = [&](const Piece& piece) {
    return params_.buckets().grads->slices()[piece.bucket].narrow(0, piece.slice, piece.count);
  };
  wholes_.zero_();
  for (const Piece& piece : pieces_)
    wholes_.narrow(0, piece.whole, piece.count).copy_(slice_of(piece));
  all_reduce_wait(*holders_, wholes_);
  for (const Piece& piece : pieces_)
    slice_of(piece).copy_(wholes_.narrow(0, piece.whole, piece.count));
}

/// Both ends keep the parameter alone in a bucket of its own, so that their slices match.
void SharedGrads::sum_over_ends() {
  for (size_t bucket : tied_buckets_) {
    all_reduce_wait(params_.context().embedding_ends(), params_.buckets().grads->slices()[bucket]);
  }
}

}  // namespace strata::parallel
