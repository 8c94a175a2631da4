// The clipped policy loss of PPO and GRPO over the answers of a rollout, with GRPO's divergence in
// the loss and PPO's mixed-in text. Token columns of a batch: "advantage", "old_logprob" (unless
// the pass is the rollout's first), "reference_logprob" (where beta > 0) and "sampled_logprob";
// weights are the tokens' weights in the loss, "normal" what they add to the step's weight where
// that is something else. Batches with the row column "ptx" are text: their weights already say
// what they count beside the answers.
#pragma once

#include "trainer/objectives/objective.h"

namespace strata::trainer {

class PolicyGradient : public Objective {
 public:
  struct Options {
    double temperature = 1.0;  ///< that the answers were sampled at
    double clip = 0.2;
    double beta = 0;         ///< of the k3 divergence in the loss
    bool on_policy = false;  ///< nothing was updated since the rollout: old = new, and the
                             ///< rollout's own health is measured
  };
  explicit PolicyGradient(Options options) : options_(options) {}

  double weight(const data::Batch& batch) const override;
  at::Tensor loss(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                  double inv_weight, MetricLog& metrics) const override;

 private:
  at::Tensor text_loss(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                       double inv_weight, MetricLog& metrics) const;

  Options options_;
};

/// A token column of the batch as fp32 [rows, tokens] on its device; zeros where the batch has
/// none (rows that only fill up).
at::Tensor token_column(const DeviceBatch& batch, const std::string& name);

/// Σ values where the batch has weight; without a gradient.
double sum_where_weighted(const at::Tensor& values_bt, const DeviceBatch& batch);
/// How many tokens have weight.
double count_weighted(const DeviceBatch& batch);

}  // namespace strata::trainer
