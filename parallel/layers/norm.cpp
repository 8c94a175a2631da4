#include "parallel/layers/norm.h"

#include <utility>

#include "parallel/layers/node.h"
#include "parallel/layers/parameter.h"

namespace strata::parallel {

Norm::Norm(ParamStore& store, const std::string& name, const Shape& shape)
    : store_(&store), kind_(shape.kind), eps_(shape.eps) {
  const Communicator& axis = tensor_axis(store);
  ParamSpec spec;
  spec.shard = replicated({shape.width}, axis.rank(), axis.size());
  spec.init = Init::kOnes;
  spec.decays = false;
  spec.sum_over_tensor = shape.sequence;
  weight_ = store.add(name + ".weight", spec);
  if (!shape.bias) return;
  spec.init = Init::kZeros;
  bias_ = store.add(name + ".bias", spec);
}

at::Tensor Norm::operator()(const at::Tensor& x_nd, const Pass& pass) const {
  return add(x_nd, {}, pass).y_nd;
}

Norm::Added Norm::add(const at::Tensor& x_nd, const at::Tensor& delta_nd, const Pass& pass) const {
  const bool adds = delta_nd.defined();
  const auto make = [&] {
    auto saved = kernels::norm_forward(kind_, x_nd, delta_nd, store_->use(weight_),
                                       used_or_none(*store_, bias_), eps_);
    const at::Tensor y_nd = std::exchange(saved.y_nd, {});  // backward needs its input alone
    Tensors outputs = adds ? Tensors{saved.residual_nd, y_nd} : Tensors{y_nd};
    const auto backward = [layer = *this, saved, adds, pass](const Tensors& grads) {
      const at::Tensor grad_nd =
          layer.backward(grads.back(), adds ? grads[0] : at::Tensor(), saved, pass);
      return adds ? Tensors{grad_nd, grad_nd} : Tensors{grad_nd};
    };
    return Made{std::move(outputs), backward};
  };
  const Tensors outputs = differentiable(adds ? Tensors{x_nd, delta_nd} : Tensors{x_nd}, make);
  return {adds ? outputs[0] : x_nd, outputs.back()};
}

at::Tensor Norm::backward(const at::Tensor& grad_y_nd, const at::Tensor& grad_residual_nd,
                          const kernels::NormForward& forward, const Pass& pass) const {
  if (!grad_y_nd.defined()) return grad_residual_nd;  // the normed value was not used
  const bool wants_weight = wants_gradient(pass, weight_);
  const at::Tensor other_nd =
      grad_residual_nd.defined() ? grad_residual_nd.contiguous() : grad_residual_nd;
  const kernels::NormBackward grads = kernels::norm_backward(
      kind_, grad_y_nd.contiguous(), other_nd, forward, store_->use(weight_), wants_weight);
  if (wants_weight) pass.sink->add(weight_, grads.grad_weight_d);
  if (wants_gradient(pass, bias_)) pass.sink->add(bias_, grads.grad_bias_d);
  return grads.grad_residual_nd;
}

}  // namespace strata::parallel
