// What of the gradient's slices this rank answers for in the norm of the whole model. Knows
// buckets, shards and axes; no update.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/params/param_store.h"

namespace strata::parallel {

class GradNorm {
 public:
  explicit GradNorm(ParamStore& params);

  /// The norm over all ranks, in double: copies and ties once, filling not at all. NaN or infinite
  /// where any gradient is. Collective over the world; the same bits on every rank.
  double over_all_ranks() const;

 private:
  struct Piece {
    size_t bucket;
    int64_t begin, count;  ///< within the slice
    bool counts;           ///< false: a copy, looked at for its NaN or Inf alone
  };
  ParamStore& params_;
  std::vector<Piece> pieces_;
};

}  // namespace strata::parallel
