#include "model/head.h"

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

}  // namespace

at::Tensor Head::token_logprobs(const at::Tensor& h_nd, const at::Tensor& targets_bt,
                                double temperature, at::Tensor* entropy_bt) const {
  base::ensure(layers_.language, "log-probabilities were asked of a scalar head");
  const parallel::Pass pass = head_pass(sink_, h_nd, targets_bt.numel());
  const at::Tensor logprob_n =
      layers_.language->token_logprobs(h_nd, targets_bt.flatten(), temperature, entropy_bt, pass);
  if (entropy_bt) *entropy_bt = entropy_bt->view(targets_bt.sizes());
  return logprob_n.view(targets_bt.sizes());
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
