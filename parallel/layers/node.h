// One autograd node with a hand-written backward: what every layer here is made of. Knows no layer.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace strata::parallel {

using Tensors = std::vector<at::Tensor>;

/// From the gradients of the outputs (undefined where none came) to those of the inputs (undefined
/// where there is none). Called once, without grad mode; what it captured is freed afterwards.
using Backward = std::function<Tensors(const Tensors& grads)>;

struct Made {
  Tensors outputs;
  Backward backward;
};
/// Runs `make` without a graph and hangs its outputs on `inputs` with its backward. The results are
/// other tensor objects than make's outputs (on the same memory): backward may have captured those.
/// Without grad mode, or where no input needs a gradient, there is no node.
Tensors differentiable(const Tensors& inputs, const std::function<Made()>& make);

/// For a single output; backward is given its gradient, contiguous, and is not called where none
/// came.
struct MadeOne {
  at::Tensor output;
  std::function<Tensors(const at::Tensor& grad)> backward;
};
at::Tensor differentiable_one(const Tensors& inputs, const std::function<MadeOne()>& make);

/// An input for nodes that have none (embeddings), so that backward reaches them: a leaf that stays
/// without gradient. It needs one, and so makes a node, where `wanted`.
at::Tensor anchor(bool wanted);

}  // namespace strata::parallel
