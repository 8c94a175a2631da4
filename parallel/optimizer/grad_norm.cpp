#include "parallel/optimizer/grad_norm.h"

#include <cmath>

#include "kernels/flat.h"
#include "parallel/comm/collectives.h"
#include "parallel/params/buckets.h"
#include "parallel/params/gather.h"

namespace strata::parallel {

GradNorm::GradNorm(ParamStore& params) : params_(params) {
  for (int32_t i = 0; i < static_cast<int32_t>(params.params().size()); ++i) {
    const ParamId id{i};
    const Param& param = params[id];
    if (!params.trains(id) || !param.spec.tied_to.empty()) continue;
    // Under ZeRO 0 all data ranks hold the same sums: the first one answers for them.
    const auto bucket = static_cast<size_t>(param.bucket);
    if (!params.buckets().all[bucket].is_cut() && params.context().gradients().rank() > 0) continue;
    for (const Run& run : runs_in_slice(params, id)) {
      const bool counts = run.copy == 0;
      Piece* last = pieces_.empty() ? nullptr : &pieces_.back();
      const bool goes_on = last && last->bucket == bucket &&
                           last->begin + last->count == run.local && last->counts == counts;
      if (goes_on)
        last->count += run.count;
      else
        pieces_.push_back({bucket, run.local, run.count, counts});
    }
  }
}

double GradNorm::over_all_ranks() const {
  double squares = 0;
  for (const Piece& piece : pieces_) {
    const at::Tensor& slice = params_.buckets().grads->slices()[piece.bucket];
    const double sum = kernels::sum_of_squares(slice.narrow(0, piece.begin, piece.count));
    squares += piece.counts ? sum : 0 * sum;  // of a copy only a NaN or Inf gets through
  }
  return std::sqrt(all_sum(params_.context().world(), squares));
}

}  // namespace strata::parallel
