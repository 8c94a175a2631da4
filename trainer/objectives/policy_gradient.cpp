#include "trainer/objectives/policy_gradient.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/square.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <numeric>

#include "data/batch.h"
#include "model/head.h"
#include "trainer/loop/metric_log.h"
#include "trainer/rl/losses.h"

namespace strata::trainer {

at::Tensor token_column(const DeviceBatch& batch, const std::string& name) {
  const auto found = batch.rows->token_columns.find(name);
  if (found == batch.rows->token_columns.end()) return at::zeros_like(batch.weights_bt);
  // from_blob takes no const pointer; the copy that follows is the only reader.
  auto* memory = const_cast<float*>(found->second.data());
  return at::from_blob(memory, batch.weights_bt.sizes(), at::TensorOptions().dtype(at::kFloat))
      .to(batch.weights_bt.options(), /*non_blocking=*/false, /*copy=*/true);
}

double sum_where_weighted(const at::Tensor& values_bt, const DeviceBatch& batch) {
  return at::sum(at::mul(values_bt.detach(), at::gt(batch.weights_bt, 0))).item<double>();
}

double count_weighted(const DeviceBatch& batch) {
  return static_cast<double>(
      std::ranges::count_if(batch.rows->weights, [](float weight) { return weight > 0; }));
}

double PolicyGradient::weight(const data::Batch& batch) const {
  if (batch.columns.contains("ptx")) return 0;
  const auto normal = batch.token_columns.find("normal");
  const std::vector<float>& counted =
      normal == batch.token_columns.end() ? batch.weights : normal->second;
  return std::accumulate(counted.begin(), counted.end(), 0.0);
}

at::Tensor PolicyGradient::loss(const at::Tensor& h_nd, const model::Head& head,
                                const DeviceBatch& batch, double inv_weight,
                                MetricLog& metrics) const {
  if (batch.rows->columns.contains("ptx")) return text_loss(h_nd, head, batch, inv_weight, metrics);
  // 1. The answers' log-probabilities now, and those of the rollout.
  at::Tensor entropy_bt;
  const at::Tensor logprobs_bt = head.token_logprobs(h_nd, batch.targets_bt, options_.temperature,
                                                     options_.on_policy ? &entropy_bt : nullptr);
  const at::Tensor old_bt =
      options_.on_policy ? logprobs_bt.detach() : token_column(batch, "old_logprob");

  // 2. The loss of every token.
  const PolicyLoss policy =
      clipped_policy_loss(logprobs_bt, old_bt, token_column(batch, "advantage"), options_.clip);
  at::Tensor loss_bt = policy.loss_bt;
  at::Tensor reference_bt;
  if (options_.beta > 0) {
    reference_bt = token_column(batch, "reference_logprob");
    loss_bt = loss_bt.add(k3_divergence(logprobs_bt, reference_bt), options_.beta);
  }
  const at::Tensor loss = at::sum(at::mul(loss_bt, batch.weights_bt)).mul(inv_weight);

  // 3. What it looks like from outside.
  const double own = weight(*batch.rows) * inv_weight, tokens = count_weighted(batch);
  metrics.add("loss", loss.detach().item<double>(), own);
  metrics.add(
      "loss/policy_avg",
      at::sum(at::mul(policy.loss_bt.detach(), batch.weights_bt)).item<double>() * inv_weight, own);
  metrics.add("policy/approxkl_avg", sum_where_weighted(at::square(policy.log_ratio_bt), batch) / 2,
              tokens);
  metrics.add("policy/clipfrac_avg", sum_where_weighted(policy.is_clipped_bt, batch), tokens);
  metrics.add("val/ratio", sum_where_weighted(policy.ratio_bt, batch), tokens);
  if (options_.on_policy) {
    metrics.add("policy/entropy_avg", sum_where_weighted(entropy_bt, batch), tokens);
    const at::Tensor mismatch_bt =
        at::abs(at::sub(logprobs_bt.detach(), token_column(batch, "sampled_logprob")));
    metrics.add("rollout/logprob_ratio", sum_where_weighted(at::exp(mismatch_bt), batch), tokens);
    if (options_.beta > 0) {
      metrics.add("policy/kl_avg", sum_where_weighted(at::sub(logprobs_bt, reference_bt), batch),
                  tokens);
    }
  }
  return loss;
}

at::Tensor PolicyGradient::text_loss(const at::Tensor& h_nd, const model::Head& head,
                                     const DeviceBatch& batch, double inv_weight,
                                     MetricLog& metrics) const {
  const at::Tensor logprobs_bt = head.token_logprobs(h_nd, batch.targets_bt);
  metrics.add("loss/ptx_avg", -sum_where_weighted(logprobs_bt, batch), count_weighted(batch));
  return at::sum(at::mul(logprobs_bt, batch.weights_bt)).mul(-inv_weight);
}

}  // namespace strata::trainer
