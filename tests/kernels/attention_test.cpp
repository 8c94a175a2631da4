// Blocked attention against the plain one in double precision: values and all gradients.
#include "kernels/attention.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "kernels/attention_reference.h"
#include "tests/kernels/tensors.h"

namespace strata::kernels {
namespace {

using strata::testing::double_leaf;
using strata::testing::expect_close;
using strata::testing::largest;
using strata::testing::normal;
using strata::testing::tolerance_of;

struct Case {
  int64_t rows, queries, keys, heads, kv_heads, width;
};

QueryKeyValue make_input(const Case& c, at::ScalarType dtype) {
  return {normal({c.rows, c.queries, c.heads, c.width}, "q").to(dtype),
          normal({c.rows, c.keys, c.kv_heads, c.width}, "k").to(dtype),
          normal({c.rows, c.keys, c.kv_heads, c.width}, "v").to(dtype)};
}

void expect_like_reference(const Case& c, const AttentionOptions& options, at::ScalarType dtype) {
  const QueryKeyValue in = make_input(c, dtype);
  const at::Tensor grad_out = normal({c.rows, c.queries, c.heads, c.width}, "g").to(dtype);
  QueryKeyValue plain{double_leaf(in.q_bthd), double_leaf(in.k_btkd), double_leaf(in.v_btkd)};
  const at::Tensor expected = attention_reference(plain, options);
  expected.backward(grad_out.to(at::kDouble));

  const AttentionForward forward = attention_forward(in, options);
  QueryKeyValue grads{at::empty_like(in.q_bthd), at::empty_like(in.k_btkd),
                      at::empty_like(in.v_btkd)};
  attention_backward(grad_out, in, forward, options, grads);
  const double tolerance = tolerance_of(dtype);
  expect_close(forward.out_bthd, expected, tolerance, "out");
  expect_close(grads.q_bthd, plain.q_bthd.grad(), tolerance, "grad q");
  expect_close(grads.k_btkd, plain.k_btkd.grad(), tolerance, "grad k");
  expect_close(grads.v_btkd, plain.v_btkd.grad(), tolerance, "grad v");
}

TEST(Attention, CausalOfAnyLengthAndHeadSize) {
  for (const Case& c :
       {Case{2, 256, 256, 4, 2, 32}, Case{1, 1, 1, 2, 1, 8}, Case{2, 67, 67, 3, 3, 20},
        Case{1, 130, 130, 6, 2, 64}, Case{1, 48, 48, 2, 2, 128}}) {
    expect_like_reference(c, {}, at::kFloat);
    expect_like_reference(c, {}, at::kBFloat16);
  }
}

TEST(Attention, NotCausalAndOwnScale) {
  AttentionOptions options;
  options.scale = 0.3;
  options.mask.causal = false;
  expect_like_reference({2, 50, 77, 4, 2, 16}, options, at::kFloat);
}

TEST(Attention, SlidingWindow) {
  for (const int64_t window : {1, 5, 64, 100, 1000}) {
    AttentionOptions options;
    options.mask.window = window;
    expect_like_reference({1, 200, 200, 2, 1, 16}, options, at::kFloat);
  }
}

at::Tensor documents_of(int64_t rows, int64_t time, std::initializer_list<int64_t> lengths) {
  std::vector<int64_t> numbers;
  for (int64_t b = 0; b < rows; ++b) {
    int64_t document = 0, used = 0;
    for (int64_t length : lengths) {
      const int64_t own = std::min(length + b, time - used);
      numbers.insert(numbers.end(), static_cast<size_t>(own), document++);
      used += own;
    }
    numbers.insert(numbers.end(), static_cast<size_t>(time - used), document);
  }
  return at::tensor(numbers, at::kLong).view({rows, time});
}

TEST(Attention, DocumentsDoNotSeeEachOther) {
  AttentionOptions options;
  options.mask.document_bt = documents_of(3, 180, {1, 60, 30, 70});
  expect_like_reference({3, 180, 180, 4, 2, 16}, options, at::kFloat);
  options.mask.window = 20;
  expect_like_reference({3, 180, 180, 4, 2, 16}, options, at::kFloat);
}

TEST(Attention, DocumentsEqualEachAlone) {
  const Case c{1, 150, 150, 4, 4, 16};
  AttentionOptions options;
  options.mask.document_bt = documents_of(1, 150, {33, 64});
  const QueryKeyValue in = make_input(c, at::kFloat);
  std::vector<at::Tensor> alone;
  for (const auto& [first, count] : {std::pair{0, 33}, {33, 64}, {97, 53}}) {
    const QueryKeyValue piece{in.q_bthd.narrow(1, first, count), in.k_btkd.narrow(1, first, count),
                              in.v_btkd.narrow(1, first, count)};
    alone.push_back(attention_forward(piece, {}).out_bthd);
  }
  expect_close(attention_forward(in, options).out_bthd, at::cat(alone, 1), 1e-6);
}

TEST(Attention, DropoutIsTheOneOfItsNames) {
  AttentionOptions options;
  options.dropout = {0.3, 12345, at::arange(2 * 90, at::kLong).view({2, 90}).add(1000), 2};
  expect_like_reference({2, 90, 90, 4, 2, 16}, options, at::kFloat);
}

TEST(Attention, PiecesOfKeysMergeToTheWhole) {
  // What context-parallel ranks do: keys in two pieces, the second in the middle of the first.
  const Case c{2, 96, 96, 4, 2, 16};
  const QueryKeyValue in = make_input(c, at::kFloat);
  const at::Tensor grad_out = normal({2, 96, 4, 16}, "g");
  const AttentionForward whole = attention_forward(in, {});
  QueryKeyValue whole_grads{at::empty_like(in.q_bthd), at::empty_like(in.k_btkd),
                            at::empty_like(in.v_btkd)};
  attention_backward(grad_out, in, whole, {}, whole_grads);

  const at::Tensor middle = at::arange(30, 60, at::kLong);
  const at::Tensor ends = at::cat({at::arange(30, at::kLong), at::arange(60, 96, at::kLong)});
  at::Tensor out = at::zeros_like(whole.out_bthd), grad_q = at::zeros_like(in.q_bthd);
  for (const at::Tensor& places : {middle, ends}) {
    AttentionOptions options;
    options.mask.query_place_t = at::arange(96, at::kLong);
    options.mask.key_place_t = places;
    const QueryKeyValue piece{in.q_bthd, in.k_btkd.index_select(1, places),
                              in.v_btkd.index_select(1, places)};
    const AttentionForward part = attention_forward(piece, options);
    const at::Tensor share = at::exp(part.logsum_bht.sub(whole.logsum_bht));
    out.add_(part.out_bthd.mul(share.transpose(1, 2).unsqueeze(3)));
    QueryKeyValue grads{at::empty_like(piece.q_bthd), at::empty_like(piece.k_btkd),
                        at::empty_like(piece.v_btkd)};
    attention_backward(grad_out, piece, whole, options, grads);
    grad_q.add_(grads.q_bthd);
    expect_close(grads.k_btkd, whole_grads.k_btkd.index_select(1, places), 3e-6, "grad k");
    expect_close(grads.v_btkd, whole_grads.v_btkd.index_select(1, places), 3e-6, "grad v");
  }
  expect_close(out, whole.out_bthd, 3e-6, "out");
  expect_close(grad_q, whole_grads.q_bthd, 3e-6, "grad q");
}

TEST(Attention, UnseenKeysWeighExactlyNothing) {
  // A weight of e^-87 instead of 0 hides in any sum, but makes products with it subnormal: slow.
  const QueryKeyValue in = make_input({1, 40, 40, 2, 1, 16}, at::kFloat);
  at::Tensor grad_out = at::zeros_like(in.q_bthd);
  grad_out.narrow(1, 7, 1).copy_(normal({1, 1, 2, 16}, "g"));  // of one query: it sees 8 keys
  const AttentionForward forward = attention_forward(in, {});
  QueryKeyValue grads{at::empty_like(in.q_bthd), at::empty_like(in.k_btkd),
                      at::empty_like(in.v_btkd)};
  attention_backward(grad_out, in, forward, {}, grads);
  for (const at::Tensor& grad_btkd : {grads.k_btkd, grads.v_btkd}) {
    EXPECT_GT(largest(grad_btkd.narrow(1, 0, 8)), 0);
    EXPECT_EQ(largest(grad_btkd.narrow(1, 8, 32)), 0);
  }
}

TEST(Attention, SameBitsWithAnyThreads) {
  const QueryKeyValue in = make_input({2, 100, 100, 4, 2, 16}, at::kFloat);
  const at::Tensor grad_out = normal({2, 100, 4, 16}, "g");
  std::vector<QueryKeyValue> results;
  for (const int threads : {1, 3}) {
    at::set_num_threads(threads);
    const AttentionForward forward = attention_forward(in, {});
    QueryKeyValue grads{at::empty_like(in.q_bthd), at::empty_like(in.k_btkd),
                        at::empty_like(in.v_btkd)};
    attention_backward(grad_out, in, forward, {}, grads);
    results.push_back(grads);
  }
  EXPECT_TRUE(at::equal(results[0].q_bthd, results[1].q_bthd));
  EXPECT_TRUE(at::equal(results[0].k_btkd, results[1].k_btkd));
}

TEST(Attention, CachedEqualsUncached) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t window : {0, 7}) {
      const QueryKeyValue in = make_input({2, 40, 40, 4, 2, 16}, dtype);
      AttentionOptions options;
      options.mask.window = window;
      const at::Tensor whole = attention_forward(in, options).out_bthd;
      // Row 0 goes on at place 37, row 1 at 20; what lies behind in the cache must not matter.
      const at::Tensor q = at::cat(
          {in.q_bthd.narrow(0, 0, 1).narrow(1, 37, 3), in.q_bthd.narrow(0, 1, 1).narrow(1, 20, 3)});
      const at::Tensor out =
          attention_cached(q, in.k_btkd, in.v_btkd, at::tensor({37, 20}, at::kLong), 0.0, window);
      const double tolerance = tolerance_of(dtype);
      expect_close(out[0], whole[0].narrow(0, 37, 3), tolerance);
      expect_close(out[1], whole[1].narrow(0, 20, 3), tolerance);
    }
  }
}

}  // namespace
}  // namespace strata::kernels
