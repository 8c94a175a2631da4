// Log-probabilities of target tokens from a slice of the vocabulary's logits, in steps between
// which the caller may sum over ranks. The logits buffer later becomes its own gradient, so one
// such buffer is all there is.
//   partials = logit_partials(...)            on each slice of the vocabulary
//   all-reduce max of partials.max_n; rebase_(partials, max); all-reduce sum of partials.sums_kn
//   finish_logprobs(partials); logits_to_gradient_(...)
// A target below 0 is ignored: log-probability 0, gradient 0, tested before anything else.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace strata::kernels {

/// fp32, one value per row, of z = logits / temperature.
struct LogitPartials {
  at::Tensor max_n;
  /// [2 or 3, n]: sum of exp(z - max) · the target's z, 0 where another slice holds it ·
  /// (entropy) sum of exp(z - max) (z - max)
  at::Tensor sums_kn;
};

/// logits_nv [n, v] contiguous, fp32 or bf16: columns first_column .. first_column + v - 1 of the
/// vocabulary. targets_n int64. Rows that are ignored are not read, unless the entropy is asked
/// for.
LogitPartials logit_partials(const at::Tensor& logits_nv, const at::Tensor& targets_n,
                             int64_t first_column, double temperature, bool entropy);

/// Brings the sums to the maximum over all slices; afterwards sums_kn of the slices may be added.
void rebase_(LogitPartials& partials, const at::Tensor& global_max_n);

struct TokenLogprobs {
  at::Tensor logprob_n;
  at::Tensor
      logsum_n;  ///< log of the sum of exp(z) over the whole vocabulary: what the gradient needs
  at::Tensor entropy_n;  ///< undefined unless the partials hold it
};
/// From the sums over all slices. fp32.
TokenLogprobs finish_logprobs(const LogitPartials& whole, const at::Tensor& targets_n);

/// logits <- d(sum_i grad_i logprob_i) / d logits, in the dtype of the logits.
void logits_to_gradient_(at::Tensor& logits_nv, const at::Tensor& logsum_n,
                         const at::Tensor& targets_n, const at::Tensor& grad_n,
                         int64_t first_column, double temperature);

}  // namespace strata::kernels
