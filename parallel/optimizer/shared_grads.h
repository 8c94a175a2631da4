// Sums of gradients over ranks that hold the same parameter but are not data ranks: copies along
// the tensor axis, and the two ends of a tied embedding. After the data ranks' sums, before the
// norm. Knows buckets, shards and axes; no update.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "parallel/params/param_store.h"

namespace strata::parallel {

class SharedGrads {
 public:
  explicit SharedGrads(ParamStore& params);

  /// In place in the gradients' slices. Collective.
  void sum();

 private:
  void sum_over_tensor();
  void sum_over_ends();

  /// Elements that lie in a row in our slice and in the wholes.
  struct Piece {
    size_t bucket;
    int64_t slice, whole, count;
  };
  ParamStore& params_;
  Communicator* holders_ = nullptr;  // of pieces of the tensor axis's copies
  std::vector<Piece> pieces_;
  at::Tensor wholes_;  // all those parameters, whole, one after the other
  std::vector<size_t> tied_buckets_;
};

}  // namespace strata::parallel
