// Attention over rows that the ranks share against plain attention over the whole rows in double:
// values and gradients of queries, keys and values, with every kind of mask, and dropout.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/floor_divide.h>

#include "kernels/attention_reference.h"
#include "parallel/comm/world.h"
#include "parallel/layers/pass.h"
#include "parallel/layers/ring_attention.h"
#include "tests/kernels/tensors.h"

namespace strata::parallel {
namespace {

using kernels::AttentionOptions;
using kernels::QueryKeyValue;
using strata::testing::double_leaf;
using strata::testing::expect_close;
using strata::testing::normal;

constexpr int64_t kRows = 2, kTime = 144, kHeads = 4, kKeyHeads = 2, kWidth = 16;

/// A chunk from the front of the rows and one from the back.
at::Tensor places_of(const Communicator& ring) {
  const int64_t chunk = kTime / (2 * ring.size()), back = 2 * ring.size() - 1 - ring.rank();
  return at::cat({at::arange(ring.rank() * chunk, (ring.rank() + 1) * chunk, at::kLong),
                  at::arange(back * chunk, (back + 1) * chunk, at::kLong)});
}

at::Tensor random_tokens(int64_t heads, const char* name, at::ScalarType dtype) {
  return normal({kRows, kTime, heads, kWidth}, name).to(dtype);
}

void expect_like_whole_rows(AttentionOptions options, at::ScalarType dtype, double tolerance) {
  const auto ring = make_mpi_world();
  const at::Tensor places_t = places_of(*ring);
  const auto own = [&](const at::Tensor& x) { return x.index_select(1, places_t); };
  const QueryKeyValue whole{random_tokens(kHeads, "q", dtype), random_tokens(kKeyHeads, "k", dtype),
                            random_tokens(kKeyHeads, "v", dtype)};
  const at::Tensor grad_out = random_tokens(kHeads, "g", dtype);
  const at::Tensor samples_b = at::arange(7, 7 + kRows, at::kLong);
  const bool drops = options.dropout.p > 0;
  const auto tokens_of = [&](const at::Tensor& index_t) {
    return token_numbers(samples_b, index_t).view({kRows, -1});
  };

  QueryKeyValue plain{double_leaf(whole.q_bthd), double_leaf(whole.k_btkd),
                      double_leaf(whole.v_btkd)};
  if (drops) options.dropout.token_bt = tokens_of(at::arange(kTime, at::kLong));
  const at::Tensor expected = kernels::attention_reference(plain, options);
  expected.backward(grad_out.to(at::kDouble));

  options.mask.query_place_t = places_t;
  if (options.mask.document_bt.defined()) options.mask.document_bt = own(options.mask.document_bt);
  if (drops) options.dropout.token_bt = tokens_of(places_t);
  const QueryKeyValue in{own(whole.q_bthd), own(whole.k_btkd), own(whole.v_btkd)};
  const auto forward = ring_attention_forward(*ring, in, options);
  QueryKeyValue grads{at::empty_like(in.q_bthd), at::empty_like(in.k_btkd),
                      at::empty_like(in.v_btkd)};
  ring_attention_backward(*ring, own(grad_out), in, forward, options, grads);
  expect_close(forward.out_bthd, own(expected), tolerance, "out");
  expect_close(grads.q_bthd, own(plain.q_bthd.grad()), tolerance, "grad q");
  expect_close(grads.k_btkd, own(plain.k_btkd.grad()), tolerance, "grad k");
  expect_close(grads.v_btkd, own(plain.v_btkd.grad()), tolerance, "grad v");
}

constexpr double kFloatTolerance = 5e-6, kBf16Tolerance = 2e-2;

TEST(RingAttention, CausalRows) {
  expect_like_whole_rows({}, at::kFloat, kFloatTolerance);
  expect_like_whole_rows({}, at::kBFloat16, kBf16Tolerance);
}

TEST(RingAttention, SlidingWindows) {
  for (const int64_t window : {1, 10, 50, 1000}) {
    AttentionOptions options;
    options.mask.window = window;
    expect_like_whole_rows(options, at::kFloat, kFloatTolerance);
  }
}

TEST(RingAttention, DocumentsDoNotSeeEachOther) {
  AttentionOptions options;
  const at::Tensor number_t = at::floor_divide(at::arange(kTime, at::kLong), 31);
  options.mask.document_bt = at::cat({number_t.unsqueeze(0), number_t.add(3).unsqueeze(0)});
  expect_like_whole_rows(options, at::kFloat, kFloatTolerance);
  options.mask.window = 20;
  expect_like_whole_rows(options, at::kFloat, kFloatTolerance);
}

TEST(RingAttention, DropsTheWeightsThatOneRankDrops) {
  AttentionOptions options;
  options.dropout = {.p = 0.3, .key = 5, .token_bt = {}, .first_head = 2};
  expect_like_whole_rows(options, at::kFloat, kFloatTolerance);
  options.mask.window = 40;
  expect_like_whole_rows(options, at::kFloat, kFloatTolerance);
}

// Were keys not to bring their places along, the ring would be wrong: the comparison sees it.
TEST(RingAttention, PlacesMatter) {
  const auto ring = make_mpi_world();
  if (ring->size() == 1) return;
  const at::Tensor x = random_tokens(kHeads, "x", at::kFloat).index_select(1, places_of(*ring));
  AttentionOptions right, shifted;
  right.mask.query_place_t = places_of(*ring);
  shifted.mask.query_place_t = at::arange(x.size(1), at::kLong);
  const auto good = ring_attention_forward(*ring, {x, x, x}, right);
  const auto bad = ring_attention_forward(*ring, {x, x, x}, shifted);
  EXPECT_GT(strata::testing::largest(good.out_bthd.sub(bad.out_bthd)), 0.1);
}

}  // namespace
}  // namespace strata::parallel
