#include "model/head.h"

#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "parallel/layers/head.h"

namespace strata::model {
namespace {

// Hidden states that are fewer than the tokens asked about are cut over the tensor axis.
parallel::Pass head_pass(parallel::GradSink* sink, const at::Tensor& h_nd, int64_t tokens) {
  parallel::Pass pass;
  pass.sink = sink;
  pass.sequence = h_nd.size(0) != tokens;
  return pass;
}

}  // namespace

at::Tensor Head::token_logprobs(const at::Tensor& h_nd, const at::Tensor& targets_bt,
                                double temperature, at::Tensor* entropy_bt) const {
  base::ensure(layers_.language, "log-probabilities were asked of a scalar head");
  at::Tensor targets_n = targets_bt.flatten();
  if (read_n_.defined()) targets_n = targets_n.index_select(0, read_n_);
  const at::Tensor logprob_n = layers_.language->token_logprobs(
      h_nd, targets_n, temperature, entropy_bt, head_pass(sink_, h_nd, targets_n.numel()));
  if (entropy_bt) *entropy_bt = for_all_tokens(*entropy_bt, targets_bt.sizes());
  return for_all_tokens(logprob_n, targets_bt.sizes());
}

at::Tensor Head::logits(const at::Tensor& h_nd) const {
  base::ensure(layers_.language, "logits were asked of a scalar head");
  return layers_.language->logits(h_nd);
}

at::Tensor Head::values(const at::Tensor& h_nd, int64_t rows, int64_t tokens) const {
  base::ensure(layers_.scalar, "values were asked of a language head");
  const int64_t asked = read_n_.defined() ? read_n_.numel() : rows * tokens;
  return for_all_tokens(layers_.scalar->values(h_nd, head_pass(sink_, h_nd, asked)),
                        {rows, tokens});
}

at::Tensor Head::for_all_tokens(const at::Tensor& x_n, at::IntArrayRef rows_and_tokens) const {
  if (!read_n_.defined()) return x_n.view(rows_and_tokens);
  return at::zeros(rows_and_tokens, x_n.options())
      .flatten()
      .index_copy(0, read_n_, x_n)
      .view(rows_and_tokens);
}

}  // namespace strata::model
