#include "parallel/layers/embedding.h"

#include <ATen/ops/ge.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/where.h>

#include "parallel/layers/node.h"
#include "parallel/layers/parameter.h"
#include "parallel/layers/tokens.h"

namespace strata::parallel {
namespace {

ParamSpec table_spec(ShardSpec shard, double init_std, int uses) {
  ParamSpec spec;
  spec.shard = std::move(shard);
  spec.scale = init_std;
  spec.uses = uses;
  return spec;
}

/// Numbers of the rows here; -1 where another rank has the row.
at::Tensor rows_here(const at::Tensor& ids_n, Range range) {
  const at::Tensor here = ids_n.ge(range.begin).logical_and(ids_n.lt(range.end));
  return at::where(here, ids_n.sub(range.begin), at::scalar_tensor(-1, ids_n.options()));
}

/// table[rows], with zeros for row -1.
at::Tensor take_rows(const at::Tensor& table_vd, const at::Tensor& rows_n) {
  at::Tensor taken_nd = table_vd.index_select(0, rows_n.clamp_min(0));
  return taken_nd.masked_fill_(rows_n.lt(0).unsqueeze(1), 0.0);
}

}  // namespace

VocabParallelEmbedding::VocabParallelEmbedding(ParamStore& store, const std::string& name,
                                               const Shape& shape)
    : store_(&store) {
  const Communicator& axis = tensor_axis(store);
  weight_ =
      store.add(name + ".weight",
                table_spec(cut_evenly({shape.vocab, shape.width}, 0, axis.rank(), axis.size()),
                           shape.init_std, shape.uses));
}

at::Tensor VocabParallelEmbedding::operator()(const at::Tensor& ids_bt, const Pass& pass) const {
  Communicator& axis = tensor_axis(*store_);
  const at::Tensor ids_n = ids_bt.flatten();
  const auto make = [&] {
    const at::Tensor table_vd = store_->use(weight_);
    if (axis.size() == 1) return MadeOne{table_vd.index_select(0, ids_n), gradient_of(ids_n, pass)};
    const at::Tensor rows_n = rows_here(ids_n, (*store_)[weight_].spec.shard.ranges[0]);
    const at::Tensor sum_nd = sum_tokens(axis, take_rows(table_vd, rows_n), pass).wait();
    return MadeOne{sum_nd, gradient_of(rows_n, pass)};
  };
  // Where it is frozen itself, adapters above it still need their inputs' graph.
  return differentiable_one({anchor(pass.sink != nullptr)}, make);
}

std::function<std::vector<at::Tensor>(const at::Tensor&)> VocabParallelEmbedding::gradient_of(
    const at::Tensor& rows_n, const Pass& pass) const {
  return [layer = *this, rows_n, pass](const at::Tensor& grad_nd) {
    if (!wants_gradient(pass, layer.weight_)) return Tensors(1);
    const at::Tensor all_nd = gather_tokens(tensor_axis(*layer.store_), grad_nd, pass).wait();
    pass.sink->add_rows(layer.weight_, all_nd, rows_n);
    return Tensors(1);
  };
}

PositionEmbedding::PositionEmbedding(ParamStore& store, const std::string& name, const Shape& shape)
    : store_(&store) {
  const Communicator& axis = tensor_axis(store);
  ParamSpec spec = table_spec(replicated({shape.positions, shape.width}, axis.rank(), axis.size()),
                              shape.init_std, 1);
  spec.sum_over_tensor = shape.sequence;
  weight_ = store.add(name + ".weight", spec);
}

at::Tensor PositionEmbedding::add_to(const at::Tensor& x_nd, const at::Tensor& positions_bt,
                                     const Pass& pass) const {
  const at::Tensor positions_n =
      own_tokens(tensor_axis(*store_), positions_bt.flatten(), pass).contiguous();
  const auto make = [&] {
    const at::Tensor sum_nd = store_->use(weight_).index_select(0, positions_n).add_(x_nd);
    const auto backward = [layer = *this, positions_n, pass](const at::Tensor& grad_nd) {
      if (wants_gradient(pass, layer.weight_))
        pass.sink->add_rows(layer.weight_, grad_nd, positions_n);
      return Tensors{grad_nd, {}};
    };
    return MadeOne{sum_nd, backward};
  };
  return differentiable_one({x_nd, anchor(wants_gradient(pass, weight_))}, make);
}

}  // namespace strata::parallel
