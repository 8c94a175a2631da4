// The flat buffers behind a ParamStore, for the optimizer, the gradient sink and the gathering of
// whole tensors. Layers never see them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "parallel/params/grad_buckets.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

/// Elements of a bucket, [begin, end).
struct Slice {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

/// One flat run of parameters of one block, all trained or all frozen.
struct Bucket {
  int block = 0;
  bool trained = false;
  std::vector<int32_t> params;  ///< indices, by offset
  int64_t size = 0;             ///< a multiple of the data ranks
  Slice slice;             ///< what this rank updates: its part under ZeRO 1 and above, else all
  at::Tensor values;       ///< [size] in the compute dtype; undefined under ZeRO 3
  at::Tensor value_slice;  ///< the slice of the values: a view of them where they are whole
  at::Tensor master;       ///< fp32 slice: value_slice itself in fp32; undefined where frozen

  bool is_cut() const { return slice.size() < size; }
};

struct ParamStore::Buckets {
  std::vector<Bucket> all;
  std::unique_ptr<GradBuckets> grads;  ///< null where nothing is trained

  /// One zeroed fp32 tensor [slice] for each bucket (undefined where frozen), from one allocation.
  std::vector<at::Tensor> make_slices(at::Device device) const;
  std::vector<at::Tensor> masters() const;
};

}  // namespace strata::parallel
