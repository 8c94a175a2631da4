#include "model/transformer.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <cmath>
#include <string>

#include "kernels/attention.h"
#include "kernels/rope.h"
#include "model/kv_cache.h"
#include "parallel/layers/embedding.h"
#include "parallel/layers/functions.h"
#include "parallel/layers/heads.h"
#include "parallel/layers/linear.h"
#include "parallel/layers/norm.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"

namespace strata::model {
namespace {

constexpr double kInitStd = 0.02;

int tensor_rank(const Site& site) { return site.context.coord().tensor; }
int tensor_ranks(const Site& site) { return site.context.layout().tensor(); }

parallel::Norm::Shape norm_shape(const Site& site, const TransformerStyle& style) {
  return {.kind = style.norm,
          .width = site.config.width,
          .eps = site.config.norm_eps,
          .bias = style.norm_bias,
          .sequence = site.sequence_parallel};
}

std::shared_ptr<const kernels::RopeTable> rope_of(Site& site) {
  if (!site.rope) {
    const ModelConfig& config = site.config;
    const RopeScaling& scaling = config.rope_scaling;
    site.rope = std::make_shared<kernels::RopeTable>(
        config.head_size(), config.context, config.rope_theta,
        kernels::RopeScaling{scaling.rope_type, scaling.factor, scaling.low_freq_factor,
                             scaling.high_freq_factor, scaling.original_max_position_embeddings},
        site.params.options().device);
  }
  return site.rope;
}

/// The adapters that are asked for of a layer's features, which lie in it in this order. With a
/// name for the whole of it (gpt2's c_attn) any of them means that.
std::vector<parallel::AdapterShape> adapters_of(const Site& site, const std::string& prefix,
                                                const std::vector<std::string>& features,
                                                const std::string& whole = "") {
  std::vector<parallel::AdapterShape> adapters;
  if (!site.lora) return adapters;
  const auto add = [&](const std::string& name, int first, int pieces) {
    adapters.push_back({.name = prefix + name,
                        .rank = site.lora->rank,
                        .scale = site.lora->scale(),
                        .first_piece = first,
                        .pieces = pieces});
  };
  for (size_t i = 0; i < features.size(); ++i) {
    if (!site.lora->wants(features[i])) continue;
    if (!whole.empty()) {
      add(whole, 0, 0);
      return adapters;
    }
    add(features[i], static_cast<int>(i), 1);
  }
  return adapters;
}

class TransformerEmbedding : public Embedding {
 public:
  TransformerEmbedding(Site& site, const TransformerStyle& style)
      : dropout_(site.config.dropout),
        rank_(tensor_rank(site)),
        ranks_(tensor_ranks(site)),
        tokens_(site.params, "embedding",
                {.vocab = site.config.vocabulary(),
                 .width = site.config.width,
                 .init_std = kInitStd,
                 .uses = site.embedding_uses}) {
    if (style.rotary) return;
    positions_ = std::make_unique<parallel::PositionEmbedding>(
        site.params, "positions",
        parallel::PositionEmbedding::Shape{.positions = site.config.context,
                                           .width = site.config.width,
                                           .init_std = kInitStd,
                                           .sequence = site.sequence_parallel});
  }

  at::Tensor forward(const BlockInput& input) const override {
    at::Tensor x_nd =
        parallel::with_noise(tokens_(input.tokens_bt, input.pass), input.pass, rank_, ranks_);
    if (positions_) x_nd = positions_->add_to(x_nd, input.positions_n, input.pass);
    return parallel::dropout(x_nd, dropout_, "embedding", input.pass, rank_, ranks_);
  }

 private:
  double dropout_;
  int rank_, ranks_;
  parallel::VocabParallelEmbedding tokens_;
  std::unique_ptr<parallel::PositionEmbedding> positions_;
};

class TransformerNorm : public FinalNorm {
 public:
  TransformerNorm(Site& site, const TransformerStyle& style)
      : norm_(site.params, "final_norm", norm_shape(site, style)) {}
  at::Tensor forward(const Stream& x, const BlockInput& input) const override {
    return norm_.add(x.residual_nd, x.delta_nd, input.pass).y_nd;
  }

 private:
  parallel::Norm norm_;
};

class TransformerBlock : public Block {
 public:
  TransformerBlock(Site& site, const std::string& name, const TransformerStyle& style,
                   parallel::HeadShare share)
      : name_(name),
        dropout_(site.config.dropout),
        window_(site.config.window),
        head_dim_(site.config.head_size()),
        gated_(style.gated),
        rank_(tensor_rank(site)),
        ranks_(tensor_ranks(site)),
        context_axis_(site.context.along(parallel::kContextAxis)),
        share_(share),
        cache_options_(at::TensorOptions()
                           .dtype(site.params.options().compute)
                           .device(site.params.options().device)),
        rope_(style.rotary ? rope_of(site) : nullptr),
        attention_norm_(site.params, name + ".attention_norm", norm_shape(site, style)),
        qkv_(site.params, name + ".attention.qkv",
             {.in = site.config.width,
              .out = {share.q, share.kv, share.kv},
              .bias = style.qkv_bias,
              .init_std = kInitStd,
              .adapters = adapters_of(site, name + ".attention.", {"q", "k", "v"},
                                      style.fused_qkv ? "qkv" : "")}),
        attention_out_(
            site.params, name + ".attention.out",
            output_shape(site, style, share.q, adapters_of(site, name + ".attention.", {"o"}))),
        mlp_norm_(site.params, name + ".mlp_norm", norm_shape(site, style)),
        up_(site.params, name + (style.gated ? ".mlp.gate_up" : ".mlp.up"),
            up_shape(site, style, name)),
        down_(site.params, name + ".mlp.down",
              output_shape(site, style, {.units = site.config.ffn_size()},
                           adapters_of(site, name + ".mlp.", {"down"}))) {}

  Stream forward(const Stream& x, const BlockInput& input) const override {
    // 1. All tokens look at each other.
    const auto normed = attention_norm_.add(x.residual_nd, x.delta_nd, input.pass);
    at::Tensor attended_nf = attend(qkv_(normed.y_nd, input.pass), input);
    // 2. What follows is each token's own affair: those that nobody reads are left out.
    at::Tensor residual_nd = normed.residual_nd;
    parallel::Pass pass = input.pass;
    if (input.read_n.defined()) {
      attended_nf = attended_nf.index_select(0, input.read_n);
      residual_nd = residual_nd.index_select(0, input.read_n);
      if (pass.dropout.token_n.defined())
        pass.dropout.token_n = pass.dropout.token_n.index_select(0, input.read_n);
    }
    const at::Tensor attended_nd = drop(attention_out_(attended_nf, pass), ".attention", pass);
    const auto middle = mlp_norm_.add(residual_nd, attended_nd, pass);
    const auto feed_forward = [this, pass](const at::Tensor& y_nd) {
      return down_(activate(up_(y_nd, pass)), pass);
    };
    const at::Tensor fed_nd = input.recompute == Recompute::kSelective
                                  ? parallel::checkpointed(feed_forward, middle.y_nd)
                                  : feed_forward(middle.y_nd);
    return {middle.residual_nd, drop(fed_nd, ".mlp", pass)};
  }

  std::unique_ptr<LayerState> make_state(int64_t rows, int64_t max_length) const override {
    return std::make_unique<KvCache>(rows, max_length, share_.kv_heads, head_dim_, cache_options_);
  }

 private:
  static parallel::RowParallelLinear::Shape output_shape(
      const Site& site, const TransformerStyle& style, parallel::Piece in,
      std::vector<parallel::AdapterShape> adapters) {
    const double shrink =
        style.scaled_output_init ? std::sqrt(2.0 * static_cast<double>(site.config.layers)) : 1.0;
    return {.in = in,
            .out = site.config.width,
            .bias = style.linear_bias,
            .init_std = kInitStd / shrink,
            .sequence = site.sequence_parallel,
            .adapters = std::move(adapters)};
  }
  static parallel::ColumnParallelLinear::Shape up_shape(const Site& site,
                                                        const TransformerStyle& style,
                                                        const std::string& name) {
    const parallel::Piece ffn{.units = site.config.ffn_size()};
    std::vector<std::string> features{"up"};
    if (style.gated) features.insert(features.begin(), "gate");
    return {.in = site.config.width,
            .out = std::vector<parallel::Piece>(features.size(), ffn),
            .bias = style.linear_bias,
            .init_std = kInitStd,
            .adapters = adapters_of(site, name + ".mlp.", features)};
  }

  at::Tensor drop(const at::Tensor& x_nd, const char* site, const parallel::Pass& pass) const {
    return parallel::dropout(x_nd, dropout_, name_ + site, pass, rank_, ranks_);
  }
  at::Tensor activate(const at::Tensor& up_nf) const {
    return gated_ ? parallel::swiglu(up_nf) : parallel::gelu(up_nf, kernels::Gelu::kTanh);
  }

  at::Tensor attend(at::Tensor qkv_nf, const BlockInput& input) const {
    if (input.continuation) return attend_cached(std::move(qkv_nf), input);
    parallel::SelfAttention how{.rows = input.rows,
                                .time = input.time,
                                .heads = share_.heads,
                                .kv_heads = share_.kv_heads,
                                .head_dim = head_dim_,
                                .rope = rope_.get(),
                                .positions_n = input.positions_n,
                                .options = {},
                                .ring = input.columns_t.defined() ? &context_axis_ : nullptr};
    how.options.mask.window = window_;
    how.options.mask.document_bt = input.document_bt;
    how.options.mask.query_place_t = input.columns_t;
    if (dropout_ > 0 && input.pass.dropout.token_n.defined()) {
      how.options.dropout = {
          .p = dropout_,
          .key = parallel::dropout_mask(input.pass, dropout_, name_ + ".attention_weights").key,
          .token_bt = input.pass.dropout.token_n.view({input.rows, input.time}),
          .first_head = share_.first_head};
    }
    return parallel::self_attention(qkv_nf, how);
  }

  // The new keys and values go into the cache; the new queries attend to all of it.
  at::Tensor attend_cached(at::Tensor qkv_nf, const BlockInput& input) const {
    const int64_t n = input.rows * input.time;
    if (rope_)
      kernels::rotate_in_place(qkv_nf, input.positions_n, *rope_, share_.heads + share_.kv_heads,
                               kernels::Turn::kForward);
    const at::Tensor heads_nhd = qkv_nf.view({n, share_.heads + 2 * share_.kv_heads, head_dim_});
    auto& cache = static_cast<KvCache&>(*input.state);
    cache.write(input.continuation->places_n, heads_nhd.narrow(1, share_.heads, share_.kv_heads),
                heads_nhd.narrow(1, share_.heads + share_.kv_heads, share_.kv_heads));
    const auto past = cache.rows(input.continuation->first_row, input.rows);
    const at::Tensor q_bthd =
        heads_nhd.narrow(1, 0, share_.heads).unflatten(0, {input.rows, input.time});
    const double scale = 1.0 / std::sqrt(static_cast<double>(head_dim_));
    return kernels::attention_cached(q_bthd, past.k_bskd, past.v_bskd, input.continuation->start_b,
                                     scale, window_)
        .reshape({n, share_.heads * head_dim_});
  }

  std::string name_;
  double dropout_;
  int64_t window_, head_dim_;
  bool gated_;
  int rank_, ranks_;
  parallel::Communicator& context_axis_;
  parallel::HeadShare share_;
  at::TensorOptions cache_options_;
  std::shared_ptr<const kernels::RopeTable> rope_;
  parallel::Norm attention_norm_;
  parallel::ColumnParallelLinear qkv_;
  parallel::RowParallelLinear attention_out_;
  parallel::Norm mlp_norm_;
  parallel::ColumnParallelLinear up_;
  parallel::RowParallelLinear down_;
};

}  // namespace

std::unique_ptr<Embedding> make_transformer_embedding(Site& site, const TransformerStyle& style) {
  return std::make_unique<TransformerEmbedding>(site, style);
}

std::unique_ptr<Block> make_transformer_block(Site& site, int layer,
                                              const TransformerStyle& style) {
  const ModelConfig& config = site.config;
  const auto share = parallel::share_heads(config.heads, config.kv_head_count(), config.head_size(),
                                           tensor_rank(site), tensor_ranks(site));
  return std::make_unique<TransformerBlock>(site, fmt::format("layers.{}", layer), style, share);
}

std::unique_ptr<FinalNorm> make_transformer_norm(Site& site, const TransformerStyle& style) {
  return std::make_unique<TransformerNorm>(site, style);
}

double transformer_flops(const ModelConfig& config, const TransformerStyle& style,
                         double attended) {
  const double width = static_cast<double>(config.width);
  const double query = static_cast<double>(config.heads * config.head_size());
  const double key = static_cast<double>(config.kv_head_count() * config.head_size());
  const double ffn = static_cast<double>(config.ffn_size());
  const double weights = width * (2 * query + 2 * key) + width * ffn * (style.gated ? 3 : 2);
  return 6 * weights + 12 * query * attended;
}

int64_t gated_ffn(int64_t width) { return (8 * width / 3 + 15) / 16 * 16; }

}  // namespace strata::model
