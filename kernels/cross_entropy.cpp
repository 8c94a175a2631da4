#include "kernels/cross_entropy.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/log.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>

#include "kernels/raw.h"
#include "kernels/raw_tensors.h"

namespace strata::kernels {
namespace {

constexpr int64_t kSum = 0, kTarget = 1, kWeighted = 2;  // rows of sums_kn

void check_rows(const at::Tensor& logits_nv, const at::Tensor& targets_n) {
  base::ensure(logits_nv.is_contiguous(), "logits must be contiguous");
  base::ensure(targets_n.scalar_type() == at::kLong && targets_n.is_contiguous() &&
                   targets_n.numel() == logits_nv.size(0),
               "one int64 target per row of logits");
}

}  // namespace

LogitPartials logit_partials(const at::Tensor& logits_nv, const at::Tensor& targets_n,
                             int64_t first_column, double temperature, bool entropy) {
  check_rows(logits_nv, targets_n);
  const int64_t rows = logits_nv.size(0);
  const auto floats = logits_nv.options().dtype(at::kFloat);
  LogitPartials partials{at::empty({rows}, floats), at::empty({entropy ? 3 : 2, rows}, floats)};
  float* sums = target<float>(partials.sums_kn);
  on_device_of(logits_nv,
               LogitPartialsRaw{is_bf16(logits_nv), rows, logits_nv.size(1), first_column,
                                static_cast<float>(1.0 / temperature), source(logits_nv),
                                source<int64_t>(targets_n), target<float>(partials.max_n),
                                sums + kSum * rows, sums + kTarget * rows,
                                entropy ? sums + kWeighted * rows : nullptr},
               cpu::logit_partials, cuda::logit_partials);
  return partials;
}

void rebase_(LogitPartials& partials, const at::Tensor& global_max_n) {
  const at::Tensor shift_n = at::sub(partials.max_n, global_max_n);
  const at::Tensor scale_n = at::exp(shift_n);
  at::Tensor sum_n = partials.sums_kn.select(0, kSum);
  if (partials.sums_kn.size(0) > kWeighted) {
    at::Tensor weighted_n = partials.sums_kn.select(0, kWeighted);
    weighted_n.add_(at::mul(shift_n, sum_n)).mul_(scale_n);
  }
  sum_n.mul_(scale_n);
  partials.max_n = global_max_n;
}

TokenLogprobs finish_logprobs(const LogitPartials& whole, const at::Tensor& targets_n) {
  const at::Tensor sum_n = whole.sums_kn.select(0, kSum);
  const at::Tensor log_n = at::log(sum_n);
  TokenLogprobs result;
  result.logsum_n = log_n.add(whole.max_n);
  result.logprob_n = at::sub(whole.sums_kn.select(0, kTarget), result.logsum_n);
  result.logprob_n.masked_fill_(at::lt(targets_n, 0), 0.0);
  if (whole.sums_kn.size(0) > kWeighted) {
    result.entropy_n = at::sub(log_n, whole.sums_kn.select(0, kWeighted).div(sum_n));
  }
  return result;
}

void logits_to_gradient_(at::Tensor& logits_nv, const at::Tensor& logsum_n,
                         const at::Tensor& targets_n, const at::Tensor& grad_n,
                         int64_t first_column, double temperature) {
  check_rows(logits_nv, targets_n);
  base::ensure(grad_n.scalar_type() == at::kFloat && grad_n.is_contiguous(),
               "the gradient of log-probabilities is contiguous fp32");
  on_device_of(
      logits_nv,
      LogitGradientRaw{is_bf16(logits_nv), logits_nv.size(0), logits_nv.size(1), first_column,
                       static_cast<float>(1.0 / temperature), target(logits_nv),
                       source<int64_t>(targets_n), source<float>(logsum_n), source<float>(grad_n)},
      cpu::logit_gradient, cuda::logit_gradient);
}

}  // namespace strata::kernels
