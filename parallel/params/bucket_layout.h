// Which parameter lies where: packs a stage's parameters, in their order, into buckets, each one
// flat buffer. Pure arithmetic. A bucket never spans two blocks (ZeRO 3 gathers block by block),
// nor trained and frozen parameters. Every parameter starts on a cache line, and a bucket's size
// divides by the data ranks into slices that do too; what fills up belongs to no parameter and
// stays zero.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/params/param_store.h"

namespace strata::parallel {

struct BucketPlan {
  int block = 0;
  bool trained = false;
  std::vector<int32_t> params;  ///< indices, by offset
  int64_t size = 0;             ///< elements, filling included
};

struct BucketRules {
  bool trained = true;  ///< the store is
  int64_t bucket_elements = 8 << 20;
  int slices = 1;  ///< data ranks
};

/// Sets bucket and offset of every parameter. `alone[i]`: parameter i has a bucket to itself (both
/// ends of a tie, whose slices must match).
std::vector<BucketPlan> plan_buckets(std::vector<Param>& params, const std::vector<bool>& alone,
                                     const BucketRules& rules);

}  // namespace strata::parallel
