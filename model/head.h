// What stands on top of the final hidden states: the language head, cut over the vocabulary, or the
// scalar head. A Head is a light handle for one pass: it knows where that pass's weight gradients
// go and which tokens it is asked about. Hidden states are what the decoder's last chunk gave:
// callers hand them on and do not look inside (they may be of some tokens only, and under sequence
// parallelism each tensor rank holds a slice).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "model/config.h"

namespace strata::parallel {
class GradSink;
class LanguageHead;
class ScalarHead;
}  // namespace strata::parallel

namespace strata::model {

class Head {
 public:
  struct Layers {
    const parallel::LanguageHead* language = nullptr;
    const parallel::ScalarHead* scalar = nullptr;
  };
  /// `read_n`: the tokens that hidden states are of (Input::read_n); undefined: all.
  Head(Layers layers, parallel::GradSink* sink, at::Tensor read_n)
      : layers_(layers), sink_(sink), read_n_(std::move(read_n)) {}

  HeadKind kind() const { return layers_.scalar ? HeadKind::kScalar : HeadKind::kLanguage; }

  /// fp32 [rows, tokens]: log-probability of targets_bt (int64) under softmax(logits /
  /// temperature); 0 without a gradient where the target is negative or the token is not read.
  /// Differentiable in h. The same on every tensor rank. With `entropy_bt` the entropy in nats of
  /// each distribution that has a target is stored there (no gradient). One backward per forward.
  at::Tensor token_logprobs(const at::Tensor& h_nd, const at::Tensor& targets_bt,
                            double temperature = 1.0, at::Tensor* entropy_bt = nullptr) const;

  /// fp32 [n, vocabulary] of whole (not cut) hidden states [n, width], on every tensor rank; no
  /// gradient.
  at::Tensor logits(const at::Tensor& h_nd) const;

  /// fp32 [rows, tokens]: the scalar head's output for each token, 0 without a gradient where it is
  /// not read; differentiable.
  at::Tensor values(const at::Tensor& h_nd, int64_t rows, int64_t tokens) const;

 private:
  at::Tensor for_all_tokens(const at::Tensor& x_n, at::IntArrayRef rows_and_tokens) const;

  Layers layers_;
  parallel::GradSink* sink_;
  at::Tensor read_n_;
};

}  // namespace strata::model
