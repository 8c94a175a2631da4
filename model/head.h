// What stands on top of the final hidden states: the language head, cut over the vocabulary, or the scalar head. A Head is a light
// handle for one pass: it knows where that pass's weight gradients go.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/config.h"

namespace strata::parallel {
class GradSink;
}

namespace strata::model {

/// The parameters behind a Head; lives in the decoder.
class HeadLayer;

class Head {
 public:
  Head(const HeadLayer& layer, parallel::GradSink* sink) : layer_(&layer), sink_(sink) {}

  HeadKind kind() const;

  /// fp32 [rows, tokens]: log-probability of targets_bt (int64) under softmax(logits / temperature); 0 without a gradient where the target is
  /// negative. Differentiable in h_btd [rows, tokens, width]. The same on every tensor rank. With `entropy_bt` the entropy in nats
  /// of each distribution is stored there (no gradient).
  at::Tensor token_logprobs(const at::Tensor& h_btd, const at::Tensor& targets_bt, double temperature = 1.0, at::Tensor* entropy_bt = nullptr) const;

  /// fp32 [rows, tokens, vocabulary], whole on every tensor rank; no gradient.
  at::Tensor logits(const at::Tensor& h_btd) const;

  /// fp32 [rows, tokens]: the scalar head's output; differentiable.
  at::Tensor values(const at::Tensor& h_btd) const;

 private:
  const HeadLayer* layer_;
  parallel::GradSink* sink_;
};

}  // namespace strata::model
