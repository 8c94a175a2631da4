#include "model/on_backward.h"

#include <torch/csrc/autograd/custom_function.h>

#include <memory>
#include <utility>

namespace strata::model {
namespace {

struct Act : torch::CustomClassHolder {
  explicit Act(std::function<void()> act) : run(std::move(act)) {}
  std::function<void()> run;
};

struct Passage : torch::autograd::Function<Passage> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const c10::intrusive_ptr<Act>& act) {
    ctx->saved_data["act"] = c10::IValue::make_capsule(act);
    return x.view_as(x);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    c10::static_intrusive_pointer_cast<Act>(ctx->saved_data["act"].toCapsule())->run();
    return {grads[0], at::Tensor()};
  }
};

}  // namespace

at::Tensor on_backward(const at::Tensor& x, std::function<void()> act) {
  if (!x.requires_grad()) return x;
  return Passage::apply(x, c10::make_intrusive<Act>(std::move(act)));
}

}  // namespace strata::model
