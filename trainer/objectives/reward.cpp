#include "trainer/objectives/reward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <numeric>

#include "base/error.h"
#include "data/batch.h"
#include "parallel/comm/communicator.h"
#include "trainer/loop/metric_log.h"
#include "trainer/objectives/comparisons.h"
#include "trainer/objectives/reward_losses.h"
#include "trainer/objectives/row_values.h"

namespace strata::trainer {
namespace {

double number(const at::Tensor& scalar) { return scalar.item<double>(); }

/// The weights of the prompts as fp32 [prompts].
at::Tensor weights_tensor(const data::Batch& batch, int64_t answers, at::Device device) {
  return at::tensor(prompt_weights(batch, answers)).to(device, at::kFloat);
}

double total_weight(const data::Batch& batch, int64_t answers) {
  const std::vector<double> weights = prompt_weights(batch, answers);
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

void add_pair_metrics(const at::Tensor& reward_b, const Comparisons& pairs, MetricLog& metrics) {
  const at::Tensor gap_p = reward_gaps(reward_b, pairs);
  const at::Tensor right_p = at::where(gap_p.eq(0), 0.5, gap_p.gt(0).to(at::kFloat));
  const at::Tensor is_tie_p = pairs.target_p.lt(1);
  add_mean(metrics, "accuracy", at::where(is_tie_p, 0.5, right_p), pairs.weight_p);
  add_mean(metrics, "margin", gap_p, pairs.weight_p * is_tie_p.logical_not());
  const at::Tensor off_p = at::sigmoid(gap_p) - pairs.target_p;
  add_mean(metrics, "brier", off_p * off_p, pairs.weight_p);
}

/// From few pairs it would be noise: of held-out data alone, over all of which the bins add up.
void add_calibration(const at::Tensor& reward_b, const Comparisons& pairs, MetricLog& metrics) {
  const double total = number(pairs.weight_p.sum());
  if (total > 0)
    metrics.add_by_bin("calibration_error", overconfidence(reward_gaps(reward_b, pairs), pairs),
                       total);
}

/// The mean over all answers, those that only fill up left out.
void add_mean_reward(const at::Tensor& reward_b, const data::Batch& batch, MetricLog& metrics) {
  const at::Tensor is_real_b =
      at::tensor(batch.samples).ge(0).logical_and(column_or(batch, "rank", 0).ge(0));
  add_mean(metrics, "mean_reward", reward_b, is_real_b.to(reward_b.device(), at::kFloat));
}

}  // namespace

RewardLoss reward_loss_named(std::string_view name) {
  if (name == "bradley_terry") return RewardLoss::kBradleyTerry;
  if (name == "plackett_luce") return RewardLoss::kPlackettLuce;
  base::ensure(name == "regression", "a reward loss that the config does not know");
  return RewardLoss::kRegression;
}

/// Rows of each prompt; 1 for ratings.
int64_t RewardObjective::answers(const data::Batch& batch) const {
  base::ensure(batch.rows % options_.prompts == 0, "every prompt has the same number of rows");
  return batch.rows / options_.prompts;
}

double RewardObjective::weight(const data::Batch& batch) const {
  // Every one of the ranks that share the rows says its part.
  return total_weight(batch, answers(batch)) / context_.size();
}

at::Tensor RewardObjective::summed_loss(const at::Tensor& reward_b,
                                        const data::Batch& batch) const {
  const at::Device device = reward_b.device();
  switch (options_.loss) {
    case RewardLoss::kBradleyTerry:
      return bradley_terry_loss(reward_b, compare(batch, answers(batch)).to(device),
                                options_.center);
    case RewardLoss::kPlackettLuce: {
      const at::Tensor rank_gk = ranks(batch, answers(batch));
      return plackett_luce_loss(reward_b.view(rank_gk.sizes()), rank_gk.to(device),
                                weights_tensor(batch, answers(batch), device));
    }
    case RewardLoss::kRegression:
      return rating_loss(reward_b, column_or(batch, "rating", 0).to(device),
                         weights_tensor(batch, 1, device));
  }
  throw base::InternalError("a reward loss of another kind");
}

at::Tensor RewardObjective::loss(const at::Tensor& h_nd, const model::Head& head,
                                 const DeviceBatch& batch, double inv_weight,
                                 MetricLog& metrics) const {
  const at::Tensor reward_b = last_values(h_nd, head, batch, context_);
  const at::Tensor loss = summed_loss(reward_b, *batch.rows) * inv_weight;
  metrics.add("loss", number(loss.detach()),
              total_weight(*batch.rows, answers(*batch.rows)) * inv_weight);
  const at::Tensor seen_b = reward_b.detach();
  if (options_.loss != RewardLoss::kRegression) {
    const Comparisons pairs = compare(*batch.rows, answers(*batch.rows));
    add_pair_metrics(seen_b, pairs.to(seen_b.device()), metrics);
    if (!reward_b.requires_grad()) add_calibration(seen_b, pairs.to(seen_b.device()), metrics);
  }
  add_mean_reward(seen_b, *batch.rows, metrics);
  return loss;
}

}  // namespace strata::trainer
