#include "parallel/params/gathered_blocks.h"

#include <utility>

#include "base/error.h"
#include "parallel/params/buckets.h"

namespace strata::parallel {

struct GatheredBlocks::Gathered {
  at::Tensor values;  ///< undefined: not there
  WorkPtr work;       ///< null: complete
};

GatheredBlocks::GatheredBlocks(std::span<const Bucket> buckets, Communicator& group,
                               at::ScalarType dtype)
    : buckets_(buckets),
      group_(group),
      pool_(at::TensorOptions().dtype(dtype).device(group.device())),
      gathered_(buckets.size()) {}

GatheredBlocks::~GatheredBlocks() = default;

void GatheredBlocks::prefetch(int block) {
  for (size_t b = 0; b < buckets_.size(); ++b) {
    if (buckets_[b].block == block) start(static_cast<int>(b));
  }
}

void GatheredBlocks::release(int block) {
  if (is_held_) return;
  for (size_t b = 0; b < buckets_.size(); ++b) {
    Gathered& gathered = gathered_[b];
    if (buckets_[b].block != block || !gathered.values.defined()) continue;
    if (gathered.work) gathered.work->wait();
    gathered.work.reset();
    pool_.give_back(std::exchange(gathered.values, {}));
  }
}

void GatheredBlocks::release_all() {
  for (const Bucket& bucket : buckets_) release(bucket.block);
}

void GatheredBlocks::hold() {
  base::ensure(!is_held_, "gathered values are held once");
  for (size_t b = 0; b < buckets_.size(); ++b) start(static_cast<int>(b));
  for (size_t b = 0; b < buckets_.size(); ++b) values(static_cast<int>(b));
  is_held_ = true;
}

// Not back to the pool: a whole model is more than a step has in use.
void GatheredBlocks::let_go() {
  for (Gathered& gathered : gathered_) gathered.values.reset();
  is_held_ = false;
}

const at::Tensor& GatheredBlocks::values(int bucket) {
  start(bucket);
  Gathered& gathered = gathered_[static_cast<size_t>(bucket)];
  if (gathered.work) gathered.work->wait();
  gathered.work.reset();
  return gathered.values;
}

void GatheredBlocks::start(int bucket) {
  Gathered& gathered = gathered_[static_cast<size_t>(bucket)];
  if (gathered.values.defined()) return;
  const Bucket& source = buckets_[static_cast<size_t>(bucket)];
  gathered.values = pool_.take(source.size);
  gathered.work = group_.all_gather(gathered.values, source.value_slice);
}

}  // namespace strata::parallel
