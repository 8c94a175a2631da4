// ZeRO 3: the values of a block's parameters are gathered from the data ranks' slices when they are
// used, and dropped after; or all of them are, and stay for a while. Knows buckets; not who uses
// them.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "parallel/comm/communicator.h"
#include "parallel/params/buffer_pool.h"

namespace strata::parallel {

struct Bucket;

class GatheredBlocks {
 public:
  /// `buckets` outlive this; `group`: the ranks that hold their slices.
  GatheredBlocks(std::span<const Bucket> buckets, Communicator& group, at::ScalarType dtype);
  ~GatheredBlocks();

  void prefetch(int block);  ///< starts what is not yet there
  void release(int block);
  void release_all();  ///< the slices changed
  void hold();         ///< gathers all; release() does nothing until let_go()
  void let_go();       ///< drops all
  /// All values of a bucket, gathered now if nobody did before; valid until its block is released.
  const at::Tensor& values(int bucket);

 private:
  struct Gathered;
  void start(int bucket);

  std::span<const Bucket> buckets_;
  Communicator& group_;
  BufferPool pool_;
  std::vector<Gathered> gathered_;  // [bucket]
  bool is_held_ = false;
};

}  // namespace strata::parallel
