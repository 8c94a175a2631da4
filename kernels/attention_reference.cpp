#include "kernels/attention_reference.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/le.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/max.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/dropout.h"

namespace strata::kernels {
namespace {

at::Tensor places_or_count(const at::Tensor& place_t, int64_t count, at::Device device) {
  const auto longs = at::TensorOptions().dtype(at::kLong).device(device);
  return place_t.defined() ? place_t.to(device) : at::arange(count, longs);
}

/// 0 or 1 / (1 - p) for every weight, [b, heads, queries, keys]. What drops the weight of a key at
/// a place is what drops the feature of that number: see attention_dropout_key.
at::Tensor dropout_factors(const AttentionDropout& dropout, const at::Tensor& key_place_t,
                           int64_t heads) {
  const int64_t rows = dropout.token_bt.size(0), queries = dropout.token_bt.size(1);
  const int64_t places = key_place_t.max().item<int64_t>() + 1;
  const at::Tensor ones =
      at::ones({rows * queries, places}, key_place_t.options().dtype(at::kFloat));
  std::vector<at::Tensor> of_heads;
  for (int64_t head = 0; head < heads; ++head) {
    const DropoutMask mask{dropout.p, attention_dropout_key(dropout, head),
                           dropout.token_bt.flatten(), 0};
    of_heads.push_back(dropout_add(ones, {}, mask)
                           .index_select(1, key_place_t)
                           .view({rows, 1, queries, key_place_t.size(0)}));
  }
  return at::cat(of_heads, 1);
}

}  // namespace

at::Tensor seen_keys(const AttentionMask& mask, int64_t queries, int64_t keys, at::Device device) {
  const at::Tensor query =
      places_or_count(mask.query_place_t, queries, device).view({1, 1, queries, 1});
  const at::Tensor key = places_or_count(mask.key_place_t, keys, device).view({1, 1, 1, keys});
  at::Tensor seen =
      at::ones({1, 1, queries, keys}, at::TensorOptions().dtype(at::kBool).device(device));
  if (mask.causal) seen = seen.logical_and(key.le(query));
  if (mask.window > 0) seen = seen.logical_and(key.gt(query.sub(mask.window)));
  if (mask.document_bt.defined()) {
    const at::Tensor& of_keys =
        mask.key_document_bt.defined() ? mask.key_document_bt : mask.document_bt;
    seen = seen.logical_and(
        mask.document_bt.view({-1, 1, queries, 1}).eq(of_keys.view({-1, 1, 1, keys})));
  }
  return seen;
}

at::Tensor attention_reference(const QueryKeyValue& in, const AttentionOptions& options) {
  const int64_t heads = in.q_bthd.size(2), group = heads / in.k_btkd.size(2);
  const int64_t queries = in.q_bthd.size(1), keys = in.k_btkd.size(1);
  const double scale =
      options.scale > 0 ? options.scale : 1 / std::sqrt(static_cast<double>(in.q_bthd.size(3)));
  const at::Tensor k = in.k_btkd.repeat_interleave(group, 2);
  const at::Tensor v = in.v_btkd.repeat_interleave(group, 2);
  const at::Tensor scores = at::einsum("bqhd,bkhd->bhqk", {in.q_bthd, k}).mul(scale);
  const at::Tensor seen = seen_keys(options.mask, queries, keys, scores.device());
  at::Tensor weights =
      scores.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity()).softmax(-1);
  if (options.dropout.p > 0) {
    const at::Tensor places = places_or_count(options.mask.key_place_t, keys, scores.device());
    weights =
        weights.mul(dropout_factors(options.dropout, places, heads).to(weights.scalar_type()));
  }
  return at::einsum("bhqk,bkhd->bqhd", {weights, v});
}

}  // namespace strata::kernels
