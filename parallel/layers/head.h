// The ends of a model: a language head cut over the vocabulary, and a scalar head for rewards and
// values.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "parallel/layers/pass.h"
#include "parallel/params/param_store.h"

namespace strata::parallel {

/// Hidden states to log-probabilities. The matrix product, the softmax over all ranks' slices and
/// the choice of the target are one autograd node that keeps a single logits buffer, which becomes
/// its own gradient in backward (so: one backward per forward).
class LanguageHead {
 public:
  struct Shape {
    int64_t vocab, width;
    double init_std = 0.02;
    std::string tied_to;  ///< whole name of the embedding's weight on another pipeline stage; "" =
                          ///< own parameter
  };
  /// An own parameter NAME.weight [vocab, width], cut by rows.
  LanguageHead(ParamStore& store, const std::string& name, const Shape& shape);
  /// Tied to the embedding of the same stage (declare that with uses = 2).
  LanguageHead(ParamStore& store, ParamId embedding);

  /// Log-probability of each target under softmax(h W^T / temperature): h_nd [n, width] (with
  /// pass.sequence [n / ranks, width]), targets_n int64 with n elements, below 0 = ignored (0, no
  /// gradient). -> fp32 [n], the same on every tensor rank. entropy_n, where not null, receives the
  /// entropy of each distribution (fp32 [n], without a gradient).
  at::Tensor token_logprobs(const at::Tensor& h_nd, const at::Tensor& targets_n, double temperature,
                            at::Tensor* entropy_n, const Pass& pass) const;
  /// For generation: fp32 [n, vocab], gathered over the tensor axis. No gradient. h_nd [n, width].
  at::Tensor logits(const at::Tensor& h_nd) const;
  ParamId weight() const { return weight_; }

 private:
  ParamStore* store_;
  ParamId weight_;
};

/// One number per token: NAME.weight [1, width], whole on every tensor rank; no bias, as in
/// AutoModelForSequenceClassification.
class ScalarHead {
 public:
  struct Shape {
    int64_t width;
    double init_std = 0.02;  ///< 0: starts at zero
  };
  ScalarHead(ParamStore& store, const std::string& name, const Shape& shape);
  /// h_nd [n, width] (with pass.sequence a slice) -> fp32 [n], the same on every tensor rank.
  at::Tensor values(const at::Tensor& h_nd, const Pass& pass) const;

 private:
  ParamStore* store_;
  ParamId weight_;
};

}  // namespace strata::parallel
