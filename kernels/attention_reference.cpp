#include "kernels/attention_reference.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/le.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "kernels/dropout.h"

namespace strata::kernels {
namespace {

at::Tensor places_or_count(const at::Tensor& place_t, int64_t count) {
  return place_t.defined() ? place_t : at::arange(count, at::kLong);
}

/// bool [b or 1, 1, queries, keys]
at::Tensor seen_keys(const AttentionMask& mask, int64_t queries, int64_t keys) {
  const at::Tensor query = places_or_count(mask.query_place_t, queries).view({1, 1, queries, 1});
  const at::Tensor key = places_or_count(mask.key_place_t, keys).view({1, 1, 1, keys});
  at::Tensor seen = at::ones({1, 1, queries, keys}, at::kBool);
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

/// 0 or 1 / (1 - p) for every weight, [b, heads, queries, keys].
at::Tensor dropout_factors(const AttentionDropout& dropout, const at::Tensor& key_place_t,
                           int64_t heads) {
  const int64_t rows = dropout.token_bt.size(0), queries = dropout.token_bt.size(1),
                keys = key_place_t.size(0);
  at::Tensor factors = at::empty({rows, heads, queries, keys}, at::kDouble);
  double* factor = factors.data_ptr<double>();
  for (int64_t b = 0; b < rows; ++b)
    for (int64_t head = 0; head < heads; ++head)
      for (int64_t q = 0; q < queries; ++q)
        for (int64_t k = 0; k < keys; ++k) {
          const auto token =
              static_cast<uint64_t>(dropout.token_bt.const_data_ptr<int64_t>()[b * queries + q]);
          const auto place = static_cast<uint64_t>(key_place_t.const_data_ptr<int64_t>()[k]);
          const uint32_t draw =
              base::philox(attention_dropout_key(dropout, head), token, place / 4)[place % 4];
          *factor++ = draw < dropout_threshold(dropout.p) ? 0.0 : 1 / (1 - dropout.p);
        }
  return factors;
}

}  // namespace

at::Tensor attention_reference(const QueryKeyValue& in, const AttentionOptions& options) {
  const int64_t heads = in.q_bthd.size(2), group = heads / in.k_btkd.size(2);
  const int64_t queries = in.q_bthd.size(1), keys = in.k_btkd.size(1);
  const double scale =
      options.scale > 0 ? options.scale : 1 / std::sqrt(static_cast<double>(in.q_bthd.size(3)));
  const at::Tensor k = in.k_btkd.repeat_interleave(group, 2);
  const at::Tensor v = in.v_btkd.repeat_interleave(group, 2);
  const at::Tensor scores = at::einsum("bqhd,bkhd->bhqk", {in.q_bthd, k}).mul(scale);
  const at::Tensor seen = seen_keys(options.mask, queries, keys);
  at::Tensor weights =
      scores.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity()).softmax(-1);
  if (options.dropout.p > 0) {
    const at::Tensor places = places_or_count(options.mask.key_place_t, keys);
    weights =
        weights.mul(dropout_factors(options.dropout, places, heads).to(weights.scalar_type()));
  }
  return at::einsum("bhqk,bkhd->bqhd", {weights, v});
}

}  // namespace strata::kernels
