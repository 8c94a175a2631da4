#include "parallel/params/buffer_pool.h"

#include <ATen/ops/empty.h>

#include <utility>

namespace strata::parallel {

at::Tensor BufferPool::take(int64_t size) {
  std::vector<at::Tensor>& fitting = free_[size];
  if (fitting.empty()) return at::empty({size}, options_);
  at::Tensor buffer = std::move(fitting.back());
  fitting.pop_back();
  return buffer;
}

void BufferPool::give_back(at::Tensor buffer) {
  const bool held_elsewhere = buffer.use_count() > 1 || buffer.storage().use_count() > 1;
  if (!held_elsewhere) free_[buffer.numel()].push_back(std::move(buffer));
}

}  // namespace strata::parallel
