// Log-probabilities from slices of the vocabulary against log_softmax of the whole in double.
#include "kernels/cross_entropy.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>

#include <limits>

#include "tests/kernels/tensors.h"

namespace strata::kernels {
namespace {

using strata::testing::double_leaf;
using strata::testing::expect_close;
using strata::testing::normal;
using strata::testing::tolerance_of;

struct Whole {
  at::Tensor logprob_n, entropy_n, grad_nv;
};

Whole plain(const at::Tensor& logits_nv, const at::Tensor& targets_n, const at::Tensor& grad_n,
            double temperature) {
  const at::Tensor leaf = double_leaf(logits_nv);
  const at::Tensor logp = leaf.div(temperature).log_softmax(-1);
  const at::Tensor kept = targets_n.ge(0).to(at::kDouble);
  const at::Tensor chosen =
      logp.gather(1, targets_n.clamp_min(0).unsqueeze(1)).squeeze(1).mul(kept);
  chosen.backward(grad_n.to(at::kDouble));
  return {chosen.detach(), logp.exp().mul(logp).sum(-1).neg().detach(), leaf.grad()};
}

/// As tensor-parallel ranks do it, here one after the other: slices of the vocabulary of these
/// widths.
Whole in_slices(const at::Tensor& logits_nv, const at::Tensor& targets_n, const at::Tensor& grad_n,
                double temperature, const std::vector<int64_t>& widths) {
  std::vector<at::Tensor> slices;
  std::vector<LogitPartials> partials;
  at::Tensor max_n, sums_kn;
  int64_t first = 0;
  for (const int64_t width : widths) {
    slices.push_back(logits_nv.narrow(1, first, width).contiguous());
    partials.push_back(logit_partials(slices.back(), targets_n, first, temperature, true));
    max_n = max_n.defined() ? at::maximum(max_n, partials.back().max_n) : partials.back().max_n;
    first += width;
  }
  for (LogitPartials& p : partials) {
    rebase_(p, max_n);
    sums_kn = sums_kn.defined() ? sums_kn.add(p.sums_kn) : p.sums_kn;
  }
  const TokenLogprobs result = finish_logprobs({max_n, sums_kn}, targets_n);
  first = 0;
  for (size_t i = 0; i < widths.size(); ++i) {
    logits_to_gradient_(slices[i], result.logsum_n, targets_n, grad_n, first, temperature);
    first += widths[i];
  }
  return {result.logprob_n, result.entropy_n, at::cat(slices, 1)};
}

void expect_like_plain(at::ScalarType dtype, double temperature,
                       const std::vector<int64_t>& widths) {
  const at::Tensor logits = normal({7, 101}, "logits", 4.0).to(dtype), grad = normal({7}, "g");
  // The first and last ids of slices, and ignored rows.
  const at::Tensor targets = at::tensor({0, 100, -100, 51, 50, -1, 26}, at::kLong);
  const Whole expected = plain(logits, targets, grad, temperature);
  const Whole actual = in_slices(logits, targets, grad, temperature, widths);
  expect_close(actual.logprob_n, expected.logprob_n, 2e-6, "logprob");
  expect_close(actual.entropy_n, expected.entropy_n, 2e-6, "entropy");
  expect_close(actual.grad_nv, expected.grad_nv, tolerance_of(dtype), "gradient");
}

TEST(CrossEntropy, WholeVocabulary) {
  expect_like_plain(at::kFloat, 1.0, {101});
  expect_like_plain(at::kFloat, 0.7, {101});
  expect_like_plain(at::kBFloat16, 1.0, {101});
}

// Trap 7: maximum and sums over all slices, the target's logit from the one that holds it.
TEST(CrossEntropy, UnevenSlicesOfTheVocabulary) {
  expect_like_plain(at::kFloat, 1.0, {51, 50});
  expect_like_plain(at::kFloat, 1.3, {26, 25, 25, 25});
  expect_like_plain(at::kBFloat16, 0.5, {26, 25, 25, 25});
}

// Trap 7: an ignored id lies outside every slice; its loss is 0 and not the log of the sum.
TEST(CrossEntropy, IgnoredRowsGiveZero) {
  at::Tensor logits = normal({2, 9}, "logits");
  const at::Tensor targets = at::tensor({-100, 3}, at::kLong);
  const LogitPartials partials = logit_partials(logits, targets, 0, 1.0, false);
  const TokenLogprobs result = finish_logprobs(partials, targets);
  EXPECT_EQ(result.logprob_n[0].item<float>(), 0.0f);
  EXPECT_LT(result.logprob_n[1].item<float>(), 0.0f);
  logits_to_gradient_(logits, result.logsum_n, targets, at::tensor({5.0f, 1.0f}), 0, 1.0);
  EXPECT_EQ(strata::testing::largest(logits[0]), 0.0);
}

// Trap 6: logits that mask a padded vocabulary change nothing.
TEST(CrossEntropy, MinusInfinityPaddingIsNotSeen) {
  const at::Tensor logits = normal({3, 10}, "logits"), targets = at::tensor({1, 9, 4}, at::kLong);
  at::Tensor padded = at::cat({logits, at::empty({3, 6})}, 1);
  padded.narrow(1, 10, 6).fill_(-std::numeric_limits<float>::infinity());
  for (const bool entropy : {false, true}) {
    const TokenLogprobs plain_result =
        finish_logprobs(logit_partials(logits, targets, 0, 1.0, entropy), targets);
    const TokenLogprobs padded_result =
        finish_logprobs(logit_partials(padded, targets, 0, 1.0, entropy), targets);
    expect_close(padded_result.logprob_n, plain_result.logprob_n, 1e-6);
    if (entropy) expect_close(padded_result.entropy_n, plain_result.entropy_n, 1e-6);
  }
}

}  // namespace
}  // namespace strata::kernels
