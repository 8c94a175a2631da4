// What a schedule drives on one rank: forward, backward and weight gradient of (chunk, microbatch).
// Behind it stands autograd or a hand-written backward; the executor, the schedules and the
// optimizer do not notice which.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace strata::parallel {

using Tensors = std::vector<at::Tensor>;

struct TensorSpec {
  std::vector<int64_t> shape;
  at::ScalarType dtype;
};

class Stage {
 public:
  virtual ~Stage() = default;
  /// `from_previous` is empty on the first chunk of the model; the result is empty on its last
  /// chunk.
  virtual Tensors forward(int chunk, int microbatch, const Tensors& from_previous) = 0;
  /// `grad_from_next` is empty on the last chunk; the result (gradients of from_previous) is empty
  /// on the first. With `defer_weights` the weight gradients wait for weight_grad().
  virtual Tensors backward(int chunk, int microbatch, const Tensors& grad_from_next,
                           bool defer_weights) = 0;
  virtual void weight_grad(int chunk, int microbatch) = 0;
  /// What one chunk gives to the next, the same between all chunks; gradients have the same specs.
  virtual std::vector<TensorSpec> boundary(int microbatch) const = 0;
};

}  // namespace strata::parallel
