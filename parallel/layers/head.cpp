#include "parallel/layers/head.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros.h>

#include <utility>
#include <vector>

#include "kernels/cross_entropy.h"
#include "kernels/matmul.h"
#include "parallel/comm/collectives.h"
#include "parallel/layers/node.h"
#include "parallel/layers/parameter.h"
#include "parallel/layers/tokens.h"

namespace strata::parallel {
namespace {

/// Log-probabilities over all ranks' slices of the vocabulary.
kernels::TokenLogprobs logprobs_of(Communicator& axis, const at::Tensor& logits_nv,
                                   const at::Tensor& targets_n, int64_t first_column,
                                   double temperature, bool entropy) {
  kernels::LogitPartials partials =
      kernels::logit_partials(logits_nv, targets_n, first_column, temperature, entropy);
  if (axis.size() > 1) {
    at::Tensor max_n = partials.max_n.clone();
    all_reduce_wait(axis, max_n, ReduceOp::kMax);
    kernels::rebase_(partials, max_n);
    all_reduce_wait(axis, partials.sums_kn);
  }
  return kernels::finish_logprobs(partials, targets_n);
}

}  // namespace

LanguageHead::LanguageHead(ParamStore& store, const std::string& name, const Shape& shape)
    : store_(&store) {
  const Communicator& axis = tensor_axis(store);
  ParamSpec spec;
  spec.shard = cut_evenly({shape.vocab, shape.width}, 0, axis.rank(), axis.size());
  spec.scale = shape.init_std;
  spec.tied_to = shape.tied_to;
  weight_ = store.add(name + ".weight", spec);
}

LanguageHead::LanguageHead(ParamStore& store, ParamId embedding)
    : store_(&store), weight_(embedding) {}

at::Tensor LanguageHead::token_logprobs(const at::Tensor& h_nd, const at::Tensor& targets_n,
                                        double temperature, at::Tensor* entropy_n,
                                        const Pass& pass) const {
  Communicator& axis = tensor_axis(*store_);
  const int64_t first_column = (*store_)[weight_].spec.shard.ranges[0].begin;
  const auto make = [&] {
    const at::Tensor all_nd = gather_tokens(axis, h_nd, pass).wait();
    const at::Tensor logits_nv = kernels::matmul(all_nd, store_->use(weight_).t());
    const kernels::TokenLogprobs result =
        logprobs_of(axis, logits_nv, targets_n, first_column, temperature, entropy_n != nullptr);
    if (entropy_n) *entropy_n = result.entropy_n;

    // Backward: the logits become their gradient, then one product for h and one for the weight.
    const auto backward = [layer = *this, &axis, h_nd, logits_nv, logsum_n = result.logsum_n,
                           targets_n, first_column, temperature, pass](const at::Tensor& grad_n) {
      const bool wants_weight = wants_gradient(pass, layer.weight_);
      Pending all_nd = wants_weight ? gather_tokens(axis, h_nd, pass) : Pending(h_nd);
      at::Tensor grad_nv = logits_nv;
      kernels::logits_to_gradient_(grad_nv, logsum_n, targets_n, grad_n, first_column, temperature);
      const at::Tensor partial_nd = kernels::matmul(grad_nv, layer.store_->use(layer.weight_));
      const at::Tensor gathered_nd = all_nd.wait();
      Pending grad_nd = sum_tokens(axis, partial_nd, pass);  // while the weight's product is made
      if (wants_weight) pass.sink->add_product(layer.weight_, grad_nv, gathered_nd);
      return Tensors{grad_nd.wait()};
    };
    return MadeOne{result.logprob_n, backward};
  };
  return differentiable_one({h_nd}, make);
}

at::Tensor LanguageHead::logits(const at::Tensor& h_nd) const {
  Communicator& axis = tensor_axis(*store_);
  const at::Tensor own_nv = kernels::matmul(h_nd, store_->use(weight_).t()).to(at::kFloat);
  if (axis.size() == 1) return own_nv;
  // Slices of the vocabulary differ by one column at most: all travel as wide as the first.
  const int64_t vocab = (*store_)[weight_].spec.shard.global_shape[0], rows = h_nd.size(0);
  const auto width_of = [&](int rank) {
    const Range share = even_share(vocab, rank, axis.size());
    return share.end - share.begin;
  };
  at::Tensor padded_nv = at::zeros({rows, width_of(0)}, own_nv.options());
  padded_nv.narrow(1, 0, own_nv.size(1)).copy_(own_nv);
  at::Tensor all_nv = at::empty({axis.size() * rows, width_of(0)}, own_nv.options());
  all_gather_wait(axis, all_nv, padded_nv);
  std::vector<at::Tensor> slices;
  for (int rank = 0; rank < axis.size(); ++rank)
    slices.push_back(all_nv.narrow(0, rank * rows, rows).narrow(1, 0, width_of(rank)));
  return at::cat(slices, 1);
}

ScalarHead::ScalarHead(ParamStore& store, const std::string& name, const Shape& shape)
    : store_(&store) {
  const Communicator& axis = tensor_axis(store);
  ParamSpec spec;
  spec.shard = replicated({1, shape.width}, axis.rank(), axis.size());
  spec.init = shape.init_std > 0 ? Init::kNormal : Init::kZeros;
  spec.scale = shape.init_std;
  spec.part_of_base = false;  // a new head is trained beside adapters too
  weight_ = store.add(name + ".weight", spec);
}

// Every tensor rank computes all values, and so the whole gradient of the weight.
at::Tensor ScalarHead::values(const at::Tensor& h_nd, const Pass& pass) const {
  Communicator& axis = tensor_axis(*store_);
  const auto make = [&] {
    const at::Tensor all_nd = gather_tokens(axis, h_nd, pass).wait().to(at::kFloat);
    const at::Tensor weight_d = store_->use(weight_).to(at::kFloat).flatten();
    const auto backward = [layer = *this, &axis, all_nd, dtype = h_nd.scalar_type(),
                           pass](const at::Tensor& grad_n) {
      if (wants_gradient(pass, layer.weight_))
        pass.sink->add(layer.weight_, at::mv(all_nd.t(), grad_n));
      const at::Tensor weight_d = layer.store_->use(layer.weight_).to(at::kFloat).flatten();
      return Tensors{at::outer(own_tokens(axis, grad_n, pass), weight_d).to(dtype)};
    };
    return MadeOne{at::mv(all_nd, weight_d), backward};
  };
  return differentiable_one({h_nd}, make);
}

}  // namespace strata::parallel
