// A small model made of every layer, and the same function written plainly with LibTorch's own
// graph.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>

#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "kernels/attention_reference.h"
#include "kernels/rope.h"
#include "parallel/layers/embedding.h"
#include "parallel/layers/functions.h"
#include "parallel/layers/head.h"
#include "parallel/layers/linear.h"
#include "parallel/layers/norm.h"
#include "parallel/params/param_store.h"

namespace strata::tests {

namespace sp = strata::parallel;

struct LayerModelShape {
  // The vocabulary and the feed-forward do not divide by 2 or 4; of 2 key heads 4 ranks hold
  // copies.
  int64_t vocab = 101, width = 24, heads = 4, kv_heads = 2, head_dim = 8, ffn = 22;
  int64_t rows = 2, time = 8;
  bool llama =
      true;  ///< rope, rms norm, gated, no biases; else learned positions, layer norm, gelu
  bool sequence = false, recompute = false;
  bool tied = true;
  double dropout = 0.0, temperature = 0.8;
};

struct LayerModelInput {
  at::Tensor tokens_bt, positions_bt, documents_bt, targets_n, token_n;

  explicit LayerModelInput(const LayerModelShape& shape) {
    const int64_t n = shape.rows * shape.time;
    const at::Tensor i = at::arange(n, at::kLong);
    tokens_bt = i.mul(37).add(11).remainder(shape.vocab).view({shape.rows, shape.time});
    tokens_bt.select(0, 0).select(0, 0).fill_(shape.vocab - 1);
    targets_n = i.mul(53).add(5).remainder(shape.vocab);
    targets_n.select(0, 3).fill_(-100);
    positions_bt = at::arange(shape.time, at::kLong).expand({shape.rows, -1}).contiguous();
    documents_bt = positions_bt.ge(5).to(at::kLong);
    token_n = sp::token_numbers(at::arange(7, 7 + shape.rows, at::kLong),
                                at::arange(shape.time, at::kLong));
  }
};

/// What comes out, and a loss in which everything counts.
struct LayerModelOutput {
  at::Tensor logprob_n, value_n, entropy_n;
  at::Tensor loss() const {
    const at::Tensor weight_n =
        at::arange(logprob_n.size(0), logprob_n.options()).mul(0.1).add(0.3);
    return logprob_n.neg().mul(weight_n).sum().add(value_n.mul(value_n).mul(weight_n).sum());
  }
};

inline kernels::AttentionOptions attention_options(const LayerModelShape& shape,
                                                   const LayerModelInput& input,
                                                   const sp::Pass& pass, int64_t first_head) {
  kernels::AttentionOptions options;
  options.mask.document_bt = input.documents_bt;
  if (shape.dropout > 0) {
    options.dropout = {shape.dropout,
                       sp::dropout_mask(pass, shape.dropout, "attention_weights").key,
                       input.token_n.view({shape.rows, shape.time}), first_head};
  }
  return options;
}

class LayerModel {
 public:
  LayerModel(sp::ParamStore& store, const LayerModelShape& shape)
      : shape_(shape),
        rank_(store.context().coord().tensor),
        ranks_(store.context().layout().tensor()),
        share_(sp::share_heads(shape.heads, shape.kv_heads, shape.head_dim, rank_, ranks_)),
        rope_(shape.head_dim, shape.time, 10000.0, {}),
        embedding_(store, "embedding",
                   {.vocab = shape.vocab,
                    .width = shape.width,
                    .init_std = 0.5,
                    .uses = shape.tied ? 2 : 1}),
        positions_(store, "positions",
                   {.positions = shape.time,
                    .width = shape.width,
                    .init_std = 0.5,
                    .sequence = shape.sequence}),
        attention_norm_(store, "attention_norm", norm()),
        qkv_(store, "qkv",
             {.in = shape.width,
              .out = {share_.q, share_.kv, share_.kv},
              .bias = true,
              .init_std = 0.2}),
        out_(store, "out", row(share_.q)),
        mlp_norm_(store, "mlp_norm", norm()),
        up_(store, "up",
            {.in = shape.width,
             .out = std::vector<sp::Piece>(shape.llama ? 2 : 1, sp::Piece{shape.ffn}),
             .bias = !shape.llama,
             .init_std = 0.2}),
        down_(store, "down", row({shape.ffn})),
        final_norm_(store, "final_norm", norm()),
        head_(shape.tied ? sp::LanguageHead(store, embedding_.weight())
                         : sp::LanguageHead(store, "head",
                                            {.vocab = shape.vocab,
                                             .width = shape.width,
                                             .init_std = 0.5,
                                             .tied_to = ""})),
        scalar_(store, "scalar", {.width = shape.width, .init_std = 0.2}) {}

  sp::Pass pass(const LayerModelInput& input, sp::GradSink* sink) const {
    return {.sink = sink,
            .adapters = true,
            .sequence = shape_.sequence,
            .dropout = {.seed = 5, .step = 3, .token_n = input.token_n, .noise_n = {}}};
  }

  at::Tensor hidden(const LayerModelInput& input, const sp::Pass& pass) const {
    at::Tensor x_nd = embedding_(input.tokens_bt, pass);
    x_nd = drop(positions_.add_to(x_nd, input.positions_bt, pass), "embedding", pass);
    const auto run = [=, this](const at::Tensor& x) { return block(x, input, pass); };
    x_nd = shape_.recompute ? sp::checkpointed(run, x_nd) : run(x_nd);
    return final_norm_(x_nd, pass);
  }

  LayerModelOutput forward(const LayerModelInput& input, sp::GradSink* sink) const {
    const sp::Pass pass = this->pass(input, sink);
    const at::Tensor h_nd = hidden(input, pass);
    LayerModelOutput output;
    output.logprob_n =
        head_.token_logprobs(h_nd, input.targets_n, shape_.temperature, &output.entropy_n, pass);
    output.value_n = scalar_.values(h_nd, pass);
    return output;
  }

  const sp::LanguageHead& head() const { return head_; }

 private:
  sp::Norm::Shape norm() const {
    return {.kind = shape_.llama ? kernels::NormKind::kRms : kernels::NormKind::kLayer,
            .width = shape_.width,
            .eps = 1e-5,
            .bias = !shape_.llama,
            .sequence = shape_.sequence};
  }
  sp::RowParallelLinear::Shape row(sp::Piece in) const {
    return {.in = in,
            .out = shape_.width,
            .bias = !shape_.llama,
            .init_std = 0.2,
            .sequence = shape_.sequence};
  }
  at::Tensor drop(const at::Tensor& x_nd, const char* site, const sp::Pass& pass) const {
    return sp::dropout(x_nd, shape_.dropout, site, pass, rank_, ranks_);
  }

  at::Tensor block(const at::Tensor& x_nd, const LayerModelInput& input,
                   const sp::Pass& pass) const {
    const sp::SelfAttention how{
        .rows = shape_.rows,
        .time = shape_.time,
        .heads = share_.heads,
        .kv_heads = share_.kv_heads,
        .head_dim = shape_.head_dim,
        .rope = shape_.llama ? &rope_ : nullptr,
        .positions_n = input.positions_bt.flatten(),
        .options = attention_options(shape_, input, pass, share_.first_head)};
    const at::Tensor y_nd = attention_norm_(x_nd, pass);
    const at::Tensor attended_nd =
        drop(out_(sp::self_attention(qkv_(y_nd, pass), how), pass), "attention", pass);
    const auto middle = mlp_norm_.add(x_nd, attended_nd, pass);
    const at::Tensor up_nf = up_(middle.y_nd, pass);
    const at::Tensor act_nf =
        shape_.llama ? sp::swiglu(up_nf) : sp::gelu(up_nf, kernels::Gelu::kTanh);
    return middle.residual_nd.add(drop(down_(act_nf, pass), "mlp", pass));
  }

  LayerModelShape shape_;
  int rank_, ranks_;
  sp::HeadShare share_;
  kernels::RopeTable rope_;
  sp::VocabParallelEmbedding embedding_;
  sp::PositionEmbedding positions_;
  sp::Norm attention_norm_;
  sp::ColumnParallelLinear qkv_;
  sp::RowParallelLinear out_;
  sp::Norm mlp_norm_;
  sp::ColumnParallelLinear up_;
  sp::RowParallelLinear down_;
  sp::Norm final_norm_;
  sp::LanguageHead head_;
  sp::ScalarHead scalar_;
};

/// The same function of whole parameters.
class PlainModel {
 public:
  PlainModel(std::map<std::string, at::Tensor> params, const LayerModelShape& shape,
             const LayerModelInput& input, const sp::Pass& pass)
      : params_(std::move(params)), shape_(shape), input_(input), pass_(pass) {}

  LayerModelOutput forward() const {
    at::Tensor x_nd = param("embedding.weight").index_select(0, input_.tokens_bt.flatten());
    x_nd = x_nd.add(param("positions.weight").index_select(0, input_.positions_bt.flatten()));
    x_nd = drop(x_nd, "embedding");
    const at::Tensor qkv_nf = linear(norm(x_nd, "attention_norm"), "qkv");
    x_nd = x_nd.add(drop(linear(attend(qkv_nf), "out"), "attention"));
    const at::Tensor up_nf = linear(norm(x_nd, "mlp_norm"), "up");
    const at::Tensor act_nf =
        shape_.llama
            ? at::silu(up_nf.narrow(1, 0, shape_.ffn)).mul(up_nf.narrow(1, shape_.ffn, shape_.ffn))
            : at::gelu(up_nf, "tanh");
    x_nd = x_nd.add(drop(linear(act_nf, "down"), "mlp"));
    const at::Tensor h_nd = norm(x_nd, "final_norm");

    const at::Tensor table = param(shape_.tied ? "embedding.weight" : "head.weight");
    const at::Tensor logp_nv = at::linear(h_nd, table).div(shape_.temperature).log_softmax(-1);
    const at::Tensor kept_n = input_.targets_n.ge(0).to(h_nd.scalar_type());
    const at::Tensor chosen = input_.targets_n.clamp_min(0).unsqueeze(1);
    return {logp_nv.gather(1, chosen).squeeze(1).mul(kept_n),
            at::linear(h_nd, param("scalar.weight")).squeeze(1),
            logp_nv.exp().mul(logp_nv).sum(-1).neg()};
  }

 private:
  at::Tensor param(const std::string& name) const { return params_.at(name); }
  at::Tensor linear(const at::Tensor& x, const std::string& name) const {
    const auto bias = params_.find(name + ".bias");
    return bias == params_.end() ? at::linear(x, param(name + ".weight"))
                                 : at::linear(x, param(name + ".weight"), bias->second);
  }
  at::Tensor norm(const at::Tensor& x, const std::string& name) const {
    if (!shape_.llama)
      return at::layer_norm(x, {x.size(1)}, param(name + ".weight"), param(name + ".bias"), 1e-5);
    return x.mul(x.mul(x).mean(-1, true).add(1e-5).rsqrt()).mul(param(name + ".weight"));
  }
  at::Tensor drop(const at::Tensor& x_nd, const char* site) const {
    if (shape_.dropout == 0) return x_nd;
    const at::Tensor ones = at::ones(x_nd.sizes());
    const auto mask = sp::dropout_mask(pass_, shape_.dropout, site);
    return x_nd.mul(kernels::dropout_add(ones, {}, mask));
  }
  at::Tensor rotated(const at::Tensor& x_bthd) const {
    if (!shape_.llama) return x_bthd;
    const kernels::RopeTable table(shape_.head_dim, shape_.time, 10000.0, {});
    const auto row = [&](const at::Tensor& x_ph) { return at::cat({x_ph, x_ph}, 1).unsqueeze(1); };
    const int64_t half = shape_.head_dim / 2;
    const at::Tensor turned =
        at::cat({x_bthd.narrow(3, half, half).neg(), x_bthd.narrow(3, 0, half)}, 3);
    return x_bthd.mul(row(table.cos_ph())).add(turned.mul(row(table.sin_ph())));
  }
  at::Tensor attend(const at::Tensor& qkv_nf) const {
    const at::Tensor heads = qkv_nf.view({shape_.rows, shape_.time, -1, shape_.head_dim});
    const kernels::QueryKeyValue in{
        rotated(heads.narrow(2, 0, shape_.heads)),
        rotated(heads.narrow(2, shape_.heads, shape_.kv_heads)),
        heads.narrow(2, shape_.heads + shape_.kv_heads, shape_.kv_heads)};
    return kernels::attention_reference(in, attention_options(shape_, input_, pass_, 0))
        .reshape({shape_.rows * shape_.time, -1});
  }

  std::map<std::string, at::Tensor> params_;
  LayerModelShape shape_;
  LayerModelInput input_;
  sp::Pass pass_;
};

}  // namespace strata::tests
