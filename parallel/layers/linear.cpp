#include "parallel/layers/linear.h"

#include <ATen/ops/sum.h>

#include <utility>

#include "kernels/matmul.h"
#include "parallel/layers/node.h"
#include "parallel/layers/parameter.h"
#include "parallel/layers/tokens.h"

namespace strata::parallel {
namespace {

/// Rows of a weight or elements of a bias, piece by piece.
ShardSpec cut_in_pieces(std::vector<int64_t> global_shape, int dim,
                        const std::vector<Piece>& pieces, const ParamStore& store) {
  const Communicator& axis = tensor_axis(store);
  ShardSpec spec{std::move(global_shape), dim, {}};
  int64_t begin = 0;
  for (const Piece& piece : pieces) {
    Range share = share_of(piece, axis.rank(), axis.size());
    share.begin += begin;
    share.end += begin;
    spec.ranges.push_back(share);
    begin += piece.size();
  }
  return spec;
}

int64_t total_size(const std::vector<Piece>& pieces) {
  int64_t size = 0;
  for (const Piece& piece : pieces) size += piece.size();
  return size;
}

/// Features of these pieces on this rank.
int64_t local_size(const std::vector<Piece>& pieces, const ParamStore& store) {
  return cut_in_pieces({total_size(pieces)}, 0, pieces, store).local_size();
}

ParamSpec matrix_spec(ShardSpec shard, double init_std) {
  ParamSpec spec;
  spec.shard = std::move(shard);
  spec.scale = init_std;
  return spec;
}

ParamSpec bias_spec(ShardSpec shard) {
  ParamSpec spec;
  spec.shard = std::move(shard);
  spec.init = Init::kZeros;
  spec.decays = false;
  return spec;
}

/// y += the adapters' shares, unless the pass leaves them out.
void add_adapters(const std::vector<LowRankAdapter>& adapters, at::Tensor& y_nf,
                  const at::Tensor& x_nd, const Pass& pass) {
  if (!pass.adapters) return;
  for (const LowRankAdapter& adapter : adapters) adapter.add_to(y_nf, x_nd);
}

void adapters_backward(const std::vector<LowRankAdapter>& adapters, const at::Tensor& grad_nf,
                       const at::Tensor& x_nd, at::Tensor& grad_x_nd, const Pass& pass) {
  if (!pass.adapters) return;
  for (const LowRankAdapter& adapter : adapters) adapter.backward(grad_nf, x_nd, grad_x_nd, pass);
}

void add_bias_gradient(const Pass& pass, ParamId bias, const at::Tensor& grad_nf) {
  if (wants_gradient(pass, bias)) pass.sink->add(bias, at::sum(grad_nf, {0}, false, at::kFloat));
}

}  // namespace

ColumnParallelLinear::ColumnParallelLinear(ParamStore& store, const std::string& name,
                                           const Shape& shape)
    : store_(&store) {
  const int64_t out = total_size(shape.out);
  weight_ =
      store.add(name + ".weight",
                matrix_spec(cut_in_pieces({out, shape.in}, 0, shape.out, store), shape.init_std));
  if (shape.bias)
    bias_ = store.add(name + ".bias", bias_spec(cut_in_pieces({out}, 0, shape.out, store)));
  for (const AdapterShape& adapter : shape.adapters) {
    const auto first = shape.out.begin() + adapter.first_piece;
    const std::vector<Piece> before(shape.out.begin(), first);
    const std::vector<Piece> own(first,
                                 adapter.pieces > 0 ? first + adapter.pieces : shape.out.end());
    adapters_.push_back(LowRankAdapter::of_columns(
        store, adapter, shape.in, cut_in_pieces({total_size(own), adapter.rank}, 0, own, store),
        local_size(before, store)));
  }
}

at::Tensor ColumnParallelLinear::operator()(const at::Tensor& x_nd, const Pass& pass) const {
  Communicator& axis = tensor_axis(*store_);
  const auto forward = [&] {
    const at::Tensor all_nd = gather_tokens(axis, x_nd, pass).wait();
    at::Tensor y_nf = kernels::linear(all_nd, store_->use(weight_), used_or_none(*store_, bias_));
    add_adapters(adapters_, y_nf, all_nd, pass);
    return y_nf;
  };
  // The tokens of the other ranks are gathered anew: keeping them would undo the saving.
  const auto backward = [layer = *this, &axis, x_nd, pass](const at::Tensor& grad_nf) {
    const bool wants_weight = wants_gradient(pass, layer.weight_);
    const bool wants_input = wants_weight || !layer.adapters_.empty();
    Pending all_nd = wants_input ? gather_tokens(axis, x_nd, pass) : Pending(x_nd);
    at::Tensor partial_nd = kernels::matmul(grad_nf, layer.store_->use(layer.weight_));
    const at::Tensor gathered_nd = all_nd.wait();
    adapters_backward(layer.adapters_, grad_nf, gathered_nd, partial_nd, pass);
    Pending grad_nd = sum_tokens(axis, partial_nd, pass);  // while the weight's product is made
    if (wants_weight) pass.sink->add_product(layer.weight_, grad_nf, gathered_nd);
    add_bias_gradient(pass, layer.bias_, grad_nf);
    return Tensors{grad_nd.wait()};
  };
  return differentiable_one({x_nd}, [&] { return MadeOne{forward(), backward}; });
}

RowParallelLinear::RowParallelLinear(ParamStore& store, const std::string& name, const Shape& shape)
    : store_(&store) {
  const Communicator& axis = tensor_axis(store);
  weight_ = store.add(name + ".weight",
                      matrix_spec(cut_in_pieces({shape.out, shape.in.size()}, 1, {shape.in}, store),
                                  shape.init_std));
  if (shape.bias) {
    ParamSpec spec = bias_spec(replicated({shape.out}, axis.rank(), axis.size()));
    spec.sum_over_tensor = shape.sequence;
    bias_ = store.add(name + ".bias", spec);
  }
  for (const AdapterShape& adapter : shape.adapters) {
    adapters_.push_back(LowRankAdapter::of_rows(
        store, adapter, cut_in_pieces({adapter.rank, shape.in.size()}, 1, {shape.in}, store),
        shape.out));
  }
}

at::Tensor RowParallelLinear::operator()(const at::Tensor& x_nf, const Pass& pass) const {
  Communicator& axis = tensor_axis(*store_);
  const auto forward = [&] {
    const at::Tensor weight = store_->use(weight_), bias = used_or_none(*store_, bias_);
    if (axis.size() == 1) {
      at::Tensor y_nd = kernels::linear(x_nf, weight, bias);
      add_adapters(adapters_, y_nd, x_nf, pass);
      return y_nd;
    }
    at::Tensor partial_nd = kernels::matmul(x_nf, weight.t());
    add_adapters(adapters_, partial_nd, x_nf, pass);
    at::Tensor y_nd = sum_tokens(axis, partial_nd, pass).wait();
    return bias.defined() ? y_nd.add_(bias) : y_nd;
  };
  const auto backward = [layer = *this, &axis, x_nf, pass](const at::Tensor& grad_nd) {
    Pending all_nd = gather_tokens(axis, grad_nd, pass);
    add_bias_gradient(pass, layer.bias_, grad_nd);
    const at::Tensor gathered_nd = all_nd.wait();
    at::Tensor grad_nf = kernels::matmul(gathered_nd, layer.store_->use(layer.weight_));
    adapters_backward(layer.adapters_, gathered_nd, x_nf, grad_nf, pass);
    if (wants_gradient(pass, layer.weight_))
      pass.sink->add_product(layer.weight_, gathered_nd, x_nf);
    return Tensors{grad_nf};
  };
  return differentiable_one({x_nf}, [&] { return MadeOne{forward(), backward}; });
}

}  // namespace strata::parallel
