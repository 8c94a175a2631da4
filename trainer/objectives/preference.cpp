#include "trainer/objectives/preference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <numeric>

#include "data/batch.h"
#include "parallel/comm/communicator.h"
#include "trainer/loop/metric_log.h"
#include "trainer/objectives/comparisons.h"
#include "trainer/objectives/row_values.h"

namespace strata::trainer {
namespace {

double total_of(const std::vector<double>& weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

}  // namespace

/// What is known of each row.
struct PreferenceObjective::Rows {
  at::Tensor logprob_b, reference_b, tokens_b;

  PreferenceSide side(const at::Tensor& which_p) const {
    return {logprob_b.index_select(0, which_p), reference_b.index_select(0, which_p),
            tokens_b.index_select(0, which_p)};
  }
};

double PreferenceObjective::weight(const data::Batch& batch) const {
  // Every one of the ranks that share the rows says its part.
  return total_of(prompt_weights(batch, answers())) / context_.size();
}

at::Tensor PreferenceObjective::loss(const at::Tensor& h_nd, const model::Head& head,
                                     const DeviceBatch& batch, double inv_weight,
                                     MetricLog& metrics) const {
  const at::Tensor logprob_b = answer_logprobs(h_nd, head, batch, context_);
  const Rows rows{logprob_b, column_or(*batch.rows, kReferenceColumn, 0).to(logprob_b.device()),
                  answer_lengths(batch, context_).clamp_min(1)};
  const at::Tensor sum = options_.loss == PreferenceLoss::kKto
                             ? loss_of_answers(rows, *batch.rows, metrics)
                             : loss_of_pairs(rows, *batch.rows, metrics);
  const at::Tensor loss = sum * inv_weight;
  metrics.add("loss", loss.detach().item<double>(),
              total_of(prompt_weights(*batch.rows, answers())) * inv_weight);
  return loss;
}

at::Tensor PreferenceObjective::loss_of_pairs(const Rows& rows, const data::Batch& batch,
                                              MetricLog& metrics) const {
  const Comparisons pairs = compare(batch, answers()).to(rows.logprob_b.device());
  const PreferenceSide chosen = rows.side(pairs.better_p), rejected = rows.side(pairs.worse_p);
  const at::Tensor loss_p = preference_losses(options_, chosen, rejected, pairs.target_p);

  // orpo has no reference: its reward is the log-probability itself, per token.
  const bool is_orpo = options_.loss == PreferenceLoss::kOrpo;
  const auto reward_of = [&](const PreferenceSide& side) {
    return options_.beta * (is_orpo ? side.logprob_p / side.tokens_p : side.log_ratio_p()).detach();
  };
  const at::Tensor good_p = reward_of(chosen), bad_p = reward_of(rejected), gap_p = good_p - bad_p;
  const at::Tensor right_p = at::where(gap_p.eq(0), 0.5, gap_p.gt(0).to(at::kFloat));
  add_mean(metrics, "accuracy", at::where(pairs.target_p.lt(1), 0.5, right_p), pairs.weight_p);
  add_mean(metrics, "margin", gap_p, pairs.weight_p);
  add_mean(metrics, "rewards/chosen", good_p, pairs.weight_p);
  add_mean(metrics, "rewards/rejected", bad_p, pairs.weight_p);
  add_mean(metrics, "logps/chosen", chosen.logprob_p.detach(), pairs.weight_p);
  add_mean(metrics, "logps/rejected", rejected.logprob_p.detach(), pairs.weight_p);
  return at::sum(loss_p * pairs.weight_p);
}

at::Tensor PreferenceObjective::loss_of_answers(const Rows& rows, const data::Batch& batch,
                                                MetricLog& metrics) const {
  const at::Device device = rows.logprob_b.device();
  const at::Tensor label_b = column_or(batch, "label", 0).to(device);
  const at::Tensor weight_b = at::tensor(prompt_weights(batch, answers())).to(device, at::kFloat);
  const at::Tensor log_ratio_b = rows.logprob_b - rows.reference_b;
  const double divergence = column_or(batch, kDivergenceColumn, 0).select(0, 0).item<double>();
  const at::Tensor loss_b = kto_losses(options_, log_ratio_b, label_b, divergence) -
                            options_.nll_coef * label_b * (rows.logprob_b / rows.tokens_b);

  const at::Tensor good_b = weight_b * label_b, bad_b = weight_b * (1 - label_b);
  const at::Tensor reward_b = options_.beta * log_ratio_b.detach();
  const at::Tensor logprob_b = rows.logprob_b.detach();
  add_mean(metrics, "rewards/chosen", reward_b, good_b);
  add_mean(metrics, "rewards/rejected", reward_b, bad_b);
  add_mean(metrics, "logps/chosen", logprob_b, good_b);
  add_mean(metrics, "logps/rejected", logprob_b, bad_b);
  metrics.add("kl", divergence, 1);
  return at::sum(loss_b * weight_b);
}

}  // namespace strata::trainer
