// A place in the graph where something is done when backward comes by: how gathered parameters are fetched and dropped in backward.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace strata::model {

/// x itself; `act` is called when the gradient of x is complete, before it goes on. Without a graph only x.
at::Tensor on_backward(const at::Tensor& x, std::function<void()> act);

}  // namespace strata::model
