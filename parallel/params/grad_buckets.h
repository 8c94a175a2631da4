// The flat fp32 gradients of a ParamStore's buckets, and their sums over the ranks that saw other
// tokens. A bucket's reduction starts as soon as its gradients are in, always in the same order of
// buckets (last block first), whatever order backward takes. Knows neither layers nor the update.
//
//   ZeRO 0    every rank sums the whole bucket                              (all-reduce)
//   ZeRO 1    each rank sums its slice; the rest of the buffer is scratch   (reduce-scatter)
//   ZeRO 2, 3 buffers live from a bucket's first gradient of a microbatch to its reduction; sums
//   are kept as slices
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "parallel/comm/communicator.h"
#include "parallel/params/buffer_pool.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

struct Bucket;

class GradBuckets {
 public:
  /// `buckets` and `params` outlive this. `group`: the ranks to sum over.
  GradBuckets(std::span<const Bucket> buckets, std::span<const Param> params, Communicator& group,
              int zero);
  ~GradBuckets();

  /// All gradients read as zero. With `microbatches` > 0 reductions start once each parameter got
  /// the gradients of all of them.
  void begin_step(int microbatches);

  /// Where a parameter's gradient is added, flat; `overwrite`: what lies there does not count. Call
  /// arrived() when it is in.
  struct Place {
    at::Tensor grad;
    bool overwrite;
  };
  Place place(ParamId id);
  void arrived(ParamId id);

  /// Reduces what is not yet reduced and waits for all of it. Parameters without a gradient read as
  /// zero.
  void finish();

  /// One per bucket (undefined where frozen): this rank's slice of the sums, valid from finish() to
  /// begin_step().
  std::span<at::Tensor> slices() { return slices_; }

 private:
  struct Flat;    // a bucket's buffer
  struct Flight;  // a reduction under way

  void open(Flat& flat);
  void start_ready();
  void start_next();
  void reduce(int bucket);
  void land_oldest();
  int expected(const Param& param, const Flat& flat) const;
  void recount(Flat& flat);

  std::span<const Bucket> buckets_;
  std::span<const Param> params_;
  Communicator& group_;
  bool cuts_gradients_;  // ZeRO 2, 3 over more than one rank
  bool cuts_sums_;       // ZeRO 1 and above
  BufferPool pool_;

  std::vector<Flat> flats_;         // [bucket]
  std::vector<at::Tensor> slices_;  // [bucket]
  std::vector<int> arrivals_;       // [parameter], in this step
  std::vector<bool> written_;       // [parameter], since its buffer was opened
  std::vector<int> order_;          // trained buckets, last first
  std::list<Flight> flights_;       // oldest first
  int microbatches_ = 0;            // 0: not known
  int64_t started_ = 0;  // reductions in this step: the next one is of order_[started_ % size]
};

}  // namespace strata::parallel
