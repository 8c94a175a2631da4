// Flat tensors that are handed out and taken back, by size: big buffers are touched for the first
// time once, not once a step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

namespace strata::parallel {

class BufferPool {
 public:
  explicit BufferPool(at::TensorOptions options) : options_(options) {}

  /// [size], with any content.
  at::Tensor take(int64_t size);
  /// A tensor that someone else still holds (a saved view) is not handed out again: it goes when
  /// they let go.
  void give_back(at::Tensor buffer);

 private:
  at::TensorOptions options_;
  std::map<int64_t, std::vector<at::Tensor>> free_;
};

}  // namespace strata::parallel
