#include "parallel/layers/low_rank.h"

#include <ATen/ops/add.h>

#include <cmath>
#include <utility>

#include "kernels/matmul.h"
#include "parallel/layers/parameter.h"

namespace strata::parallel {
namespace {

/// Every tensor rank sees but a part of the features, so what is whole here has partial gradients.
ParamSpec adapter_spec(ShardSpec shard) {
  ParamSpec spec;
  spec.shard = std::move(shard);
  spec.part_of_base = false;
  spec.sum_over_tensor = true;
  return spec;
}

/// PEFT starts A like a torch.nn.Linear: uniform within 1 / sqrt(in).
ParamSpec a_spec(ShardSpec shard) {
  ParamSpec spec = adapter_spec(std::move(shard));
  spec.init = Init::kUniform;
  spec.scale = 1.0 / std::sqrt(static_cast<double>(spec.shard.global_shape[1]));
  return spec;
}

ParamSpec b_spec(ShardSpec shard) {
  ParamSpec spec = adapter_spec(std::move(shard));
  spec.init = Init::kZeros;
  return spec;
}

}  // namespace

LowRankAdapter::LowRankAdapter(ParamStore& store, const AdapterShape& shape, ShardSpec a,
                               ShardSpec b, int64_t first_feature)
    : store_(&store),
      a_(store.add(shape.name + ".lora_a", a_spec(std::move(a)))),
      b_(store.add(shape.name + ".lora_b", b_spec(std::move(b)))),
      scale_(shape.scale),
      first_feature_(first_feature),
      features_(store[b_].spec.shard.local_shape()[0]) {}

LowRankAdapter LowRankAdapter::of_columns(ParamStore& store, const AdapterShape& shape, int64_t in,
                                          ShardSpec b, int64_t first_feature) {
  const Communicator& axis = tensor_axis(store);
  return {store, shape, replicated({shape.rank, in}, axis.rank(), axis.size()), std::move(b),
          first_feature};
}

LowRankAdapter LowRankAdapter::of_rows(ParamStore& store, const AdapterShape& shape, ShardSpec a,
                                       int64_t out) {
  const Communicator& axis = tensor_axis(store);
  return {store, shape, std::move(a), replicated({out, shape.rank}, axis.rank(), axis.size()), 0};
}

at::Tensor LowRankAdapter::own_features(const at::Tensor& y_nf) const {
  return y_nf.narrow(1, first_feature_, features_);
}

void LowRankAdapter::add_to(at::Tensor& y_nf, const at::Tensor& x_nd) const {
  const at::Tensor inner_nr = kernels::matmul(x_nd, store_->use(a_).t());
  own_features(y_nf).add_(kernels::matmul(inner_nr, store_->use(b_).t()), scale_);
}

void LowRankAdapter::backward(const at::Tensor& grad_nf, const at::Tensor& x_nd,
                              at::Tensor& grad_x_nd, const Pass& pass) const {
  const at::Tensor scaled_nf = own_features(grad_nf).mul(scale_);
  const at::Tensor a = store_->use(a_);
  const at::Tensor grad_inner_nr = kernels::matmul(scaled_nf, store_->use(b_));
  if (wants_gradient(pass, b_)) pass.sink->add_product(b_, scaled_nf, kernels::matmul(x_nd, a.t()));
  if (wants_gradient(pass, a_)) pass.sink->add_product(a_, grad_inner_nr, x_nd);
  grad_x_nd.add_(kernels::matmul(grad_inner_nr, a));
}

}  // namespace strata::parallel
