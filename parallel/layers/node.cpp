#include "parallel/layers/node.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"

namespace strata::parallel {
namespace {

class HandWrittenNode : public torch::autograd::Node {
 public:
  HandWrittenNode(torch::autograd::edge_list&& edges, Backward backward)
      : Node(std::move(edges)), backward_(std::move(backward)) {}

  std::string name() const override { return "HandWritten"; }
  void release_variables() override { backward_ = nullptr; }

 protected:
  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override {
    base::ensure(backward_ != nullptr, "backward ran a second time over one forward");
    at::NoGradGuard no_graph;
    return backward_(grads);
  }

 private:
  Backward backward_;
};

Made make_without_graph(const std::function<Made()>& make) {
  at::NoGradGuard no_graph;
  return make();
}

bool needs_gradient(const at::Tensor& x) { return x.defined() && x.requires_grad(); }

}  // namespace

Tensors differentiable(const Tensors& inputs, const std::function<Made()>& make) {
  Made made = make_without_graph(make);
  if (!at::GradMode::is_enabled() || !std::ranges::any_of(inputs, needs_gradient))
    return made.outputs;
  Tensors outputs;
  for (const at::Tensor& output : made.outputs) outputs.push_back(output.variable_data());
  std::shared_ptr<HandWrittenNode> node(
      new HandWrittenNode(torch::autograd::collect_next_edges(inputs), std::move(made.backward)),
      torch::autograd::deleteNode);
  torch::autograd::set_history(outputs, node);
  return outputs;
}

at::Tensor differentiable_one(const Tensors& inputs, const std::function<MadeOne()>& make) {
  return differentiable(inputs, [&] {
    MadeOne made = make();
    return Made{{made.output},
                [count = inputs.size(), backward = std::move(made.backward)](const Tensors& grads) {
                  return grads[0].defined() ? backward(grads[0].contiguous()) : Tensors(count);
                }};
  })[0];
}

at::Tensor anchor(bool wanted) { return at::empty({0}).requires_grad_(wanted); }

}  // namespace strata::parallel
