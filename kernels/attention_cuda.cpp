#include "kernels/attention_cuda.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "kernels/attention_reference.h"

namespace strata::kernels::cuda {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
constexpr int64_t kLogsumUnit = 32, kBiasUnit = 8;  // what the memory-efficient kernel asks for

double scale_of(const AttentionOptions& options, int64_t width) {
  return options.scale > 0 ? options.scale : 1 / std::sqrt(static_cast<double>(width));
}

bool is_plainly_causal(const QueryKeyValue& in, const AttentionMask& mask) {
  return mask.causal && !mask.document_bt.defined() && !mask.query_place_t.defined() &&
         !mask.key_place_t.defined() && in.q_bthd.size(1) == in.k_btkd.size(1) &&
         (mask.window <= 0 || mask.window >= in.k_btkd.size(1));
}

bool takes_flash(const QueryKeyValue& in, const AttentionOptions& options) {
  return in.q_bthd.scalar_type() == at::kBFloat16 && is_plainly_causal(in, options.mask);
}

/// [b, heads, t, d] views, keys and values once for every query head.
struct HeadsFirst {
  at::Tensor q_bhtd, k_bhtd, v_bhtd;

  explicit HeadsFirst(const QueryKeyValue& in)
      : q_bhtd(in.q_bthd.transpose(1, 2)),
        k_bhtd(repeated(in.k_btkd, in.q_bthd.size(2))),
        v_bhtd(repeated(in.v_btkd, in.q_bthd.size(2))) {}

  static at::Tensor repeated(const at::Tensor& x_btkd, int64_t heads) {
    const int64_t group = heads / x_btkd.size(2);
    return (group == 1 ? x_btkd : x_btkd.repeat_interleave(group, 2)).transpose(1, 2);
  }
};

/// The gradient of repeated keys or values, summed over each group of heads.
void write_group_sums(const at::Tensor& grad_bhtd, at::Tensor& grad_btkd) {
  const int64_t kv_heads = grad_btkd.size(2), group = grad_bhtd.size(1) / kv_heads;
  const at::Tensor grad_bthd = grad_bhtd.transpose(1, 2);
  grad_btkd.copy_(group == 1 ? grad_bthd
                             : grad_bthd.unflatten(2, {kv_heads, group}).sum(3, false, at::kFloat));
}

/// 0 where a key is seen and -inf where not, [b, heads, queries, keys], rows aligned as the kernel
/// asks; undefined for a plain causal mask.
at::Tensor additive_mask(const QueryKeyValue& in, const AttentionMask& mask) {
  if (is_plainly_causal(in, mask)) return {};
  const int64_t queries = in.q_bthd.size(1), keys = in.k_btkd.size(1);
  const int64_t padded = (keys + kBiasUnit - 1) / kBiasUnit * kBiasUnit;
  at::Tensor bias = at::zeros({in.q_bthd.size(0), 1, queries, padded}, in.q_bthd.options());
  bias.narrow(3, 0, keys)
      .masked_fill_(seen_keys(mask, queries, keys, in.q_bthd.device()).logical_not(),
                    kMinusInfinity);
  return bias.narrow(3, 0, keys).expand({-1, in.q_bthd.size(2), -1, -1});
}

}  // namespace

void attention_forward(const QueryKeyValue& in, const AttentionOptions& options,
                       AttentionForward& result) {
  if (options.dropout.p > 0) {
    result.out_bthd.copy_(attention_reference(in, options));
    return;
  }
  const HeadsFirst x(in);
  const double scale = scale_of(options, in.q_bthd.size(3));
  at::Tensor out_bhtd, logsum_bht;
  if (takes_flash(in, options)) {
    const auto flash = at::_scaled_dot_product_flash_attention(x.q_bhtd, x.k_bhtd, x.v_bhtd, 0.0,
                                                               true, false, scale);
    out_bhtd = std::get<0>(flash);
    logsum_bht = std::get<1>(flash);
  } else {
    const at::Tensor bias = additive_mask(in, options.mask);
    const auto efficient = at::_scaled_dot_product_efficient_attention(
        x.q_bhtd, x.k_bhtd, x.v_bhtd, bias, true, 0.0, !bias.defined(), scale);
    out_bhtd = std::get<0>(efficient);
    logsum_bht = std::get<1>(efficient).narrow(2, 0, in.q_bthd.size(1));
  }
  result.out_bthd.copy_(out_bhtd.transpose(1, 2));
  result.logsum_bht.copy_(logsum_bht);
}

void attention_backward(const at::Tensor& grad_out_bthd, const QueryKeyValue& in,
                        const AttentionForward& forward, const AttentionOptions& options,
                        QueryKeyValue& grads) {
  if (options.dropout.p > 0) {
    const at::AutoGradMode with_graph(true);
    const auto leaf = [](const at::Tensor& x) { return x.detach().requires_grad_(true); };
    const QueryKeyValue again{leaf(in.q_bthd), leaf(in.k_btkd), leaf(in.v_btkd)};
    attention_reference(again, options).backward(grad_out_bthd);
    grads.q_bthd.copy_(again.q_bthd.grad());
    grads.k_btkd.copy_(again.k_btkd.grad());
    grads.v_btkd.copy_(again.v_btkd.grad());
    return;
  }
  const HeadsFirst x(in);
  const double scale = scale_of(options, in.q_bthd.size(3));
  const int64_t queries = in.q_bthd.size(1), keys = in.k_btkd.size(1);
  const at::Tensor grad_bhtd = grad_out_bthd.transpose(1, 2),
                   out_bhtd = forward.out_bthd.transpose(1, 2);
  const at::Tensor no_seed = at::zeros({}, grad_bhtd.options().dtype(at::kLong));  // of no dropout
  at::Tensor grad_q, grad_k, grad_v;
  if (takes_flash(in, options)) {
    std::tie(grad_q, grad_k, grad_v) = at::_scaled_dot_product_flash_attention_backward(
        grad_bhtd, x.q_bhtd, x.k_bhtd, x.v_bhtd, out_bhtd, forward.logsum_bht, {}, {}, queries,
        keys, 0.0, true, no_seed, no_seed, scale);
  } else {
    const at::Tensor bias = additive_mask(in, options.mask);
    const int64_t padding = (kLogsumUnit - queries % kLogsumUnit) % kLogsumUnit;
    const at::Tensor logsum_bht = at::constant_pad_nd(forward.logsum_bht, {0, padding});
    at::Tensor of_bias;
    std::tie(grad_q, grad_k, grad_v, of_bias) =
        at::_scaled_dot_product_efficient_attention_backward(
            grad_bhtd, x.q_bhtd, x.k_bhtd, x.v_bhtd, bias, out_bhtd, logsum_bht, no_seed, no_seed,
            0.0, {true, true, true, false}, !bias.defined(), scale);
  }
  grads.q_bthd.copy_(grad_q.transpose(1, 2));
  write_group_sums(grad_k, grads.k_btkd);
  write_group_sums(grad_v, grads.v_btkd);
}

at::Tensor attention_cached(const at::Tensor& q_bthd, const at::Tensor& k_bskd,
                            const at::Tensor& v_bskd, const at::Tensor& start_b, double scale,
                            int64_t window) {
  const int64_t queries = q_bthd.size(1), places = k_bskd.size(1), heads = q_bthd.size(2);
  const auto longs = q_bthd.options().dtype(at::kLong);
  const at::Tensor query_place = start_b.to(q_bthd.device())
                                     .view({-1, 1, 1, 1})
                                     .add(at::arange(queries, longs).view({1, 1, -1, 1}));
  const at::Tensor key_place = at::arange(places, longs).view({1, 1, 1, -1});
  at::Tensor unseen = key_place.gt(query_place);
  if (window > 0) unseen = unseen.logical_or(key_place.le(query_place.sub(window)));
  AttentionOptions options;
  options.scale = scale;
  const at::Tensor scores =
      at::einsum("bqhd,bkhd->bhqk", {q_bthd, HeadsFirst::repeated(k_bskd, heads).transpose(1, 2)})
          .to(at::kFloat)
          .mul(scale_of(options, q_bthd.size(3)));
  const at::Tensor weights =
      scores.masked_fill(unseen, kMinusInfinity).softmax(-1).to(q_bthd.scalar_type());
  return at::einsum("bhqk,bkhd->bqhd",
                    {weights, HeadsFirst::repeated(v_bskd, heads).transpose(1, 2)})
      .contiguous();
}

}  // namespace strata::kernels::cuda
