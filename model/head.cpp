#include "model/head.h"

#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "parallel/layers/head.h"

namespace strata::model {
namespace {

// Hidden states that are fewer than the tokens are cut over the tensor axis.
parallel::Pass head_pass(parallel::GradSink* sink, const at::Tensor& h_nd, int64_t tokens) {
  parallel::Pass pass;
  pass.sink = sink;
  pass.sequence = h_nd.size(0) != tokens;
  return pass;
}

/// The tokens that have a target, or nothing where leaving the others out saves too little.
at::Tensor tokens_with_target(const at::Tensor& targets_n) {
  constexpr int64_t kWorthIt = 8;  // an eighth of the tokens
  const at::Tensor wanted_w = at::nonzero(targets_n.ge(0)).flatten();
  const int64_t wanted = wanted_w.numel(), all = targets_n.numel();
  return wanted > 0 && (all - wanted) * kWorthIt >= all ? wanted_w : at::Tensor();
}

}  // namespace

at::Tensor Head::token_logprobs(const at::Tensor& h_nd, const at::Tensor& targets_bt,
                                double temperature, at::Tensor* entropy_bt) const {
  base::ensure(layers_.language, "log-probabilities were asked of a scalar head");
  const parallel::Pass pass = head_pass(sink_, h_nd, targets_bt.numel());
  const at::Tensor targets_n = targets_bt.flatten();
  // A product over the vocabulary is dear: prompts and padding do without. Rows that are cut over
  // the tensor axis stay whole, for every rank has other ones.
  const at::Tensor wanted_w = pass.sequence ? at::Tensor() : tokens_with_target(targets_n);
  const auto run = [&](const at::Tensor& h, const at::Tensor& targets) {
    return layers_.language->token_logprobs(h, targets, temperature, entropy_bt, pass);
  };
  if (!wanted_w.defined()) {
    const at::Tensor logprob_n = run(h_nd, targets_n);
    if (entropy_bt) *entropy_bt = entropy_bt->view(targets_bt.sizes());
    return logprob_n.view(targets_bt.sizes());
  }
  const auto spread = [&](const at::Tensor& x_w) {
    return at::zeros({targets_n.numel()}, x_w.options())
        .index_copy(0, wanted_w, x_w)
        .view(targets_bt.sizes());
  };
  const at::Tensor logprob_w =
      run(h_nd.index_select(0, wanted_w), targets_n.index_select(0, wanted_w));
  if (entropy_bt) *entropy_bt = spread(*entropy_bt);
  return spread(logprob_w);
}

at::Tensor Head::logits(const at::Tensor& h_nd) const {
  base::ensure(layers_.language, "logits were asked of a scalar head");
  return layers_.language->logits(h_nd);
}

at::Tensor Head::values(const at::Tensor& h_nd, int64_t rows, int64_t tokens) const {
  base::ensure(layers_.scalar, "values were asked of a language head");
  return layers_.scalar->values(h_nd, head_pass(sink_, h_nd, rows * tokens)).view({rows, tokens});
}

}  // namespace strata::model
