// The objective of dpo and its relatives: log-probabilities of whole answers against those of a
// reference, which the job has put into the column kReferenceColumn. Reads batches of
// data::RowKind kPairs, or for kto kLabelled without the mismatched answers.
#pragma once

#include "trainer/objectives/objective.h"
#include "trainer/objectives/preference_losses.h"

namespace strata::parallel {
class Communicator;
}

namespace strata::trainer {

/// The reference's summed log-probability of each row's answer.
inline constexpr const char* kReferenceColumn = "reference_logprob";
/// kto: the step's reference point, the same in every row.
inline constexpr const char* kDivergenceColumn = "divergence";

class PreferenceObjective : public Objective {
 public:
  /// `context`: the ranks that share each row.
  PreferenceObjective(const PreferenceOptions& options, parallel::Communicator& context)
      : options_(options), context_(context) {}

  double weight(const data::Batch& batch) const override;
  /// Metrics: rewards/chosen and rewards/rejected (beta x log-ratio; kto: of good and bad answers),
  /// logps/chosen and logps/rejected, of pairs also accuracy (a tie counts half) and margin of the
  /// rewards, of kto also kl, the reference point.
  at::Tensor loss(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                  double inv_weight, MetricLog& metrics) const override;

 private:
  /// Rows of each sample: two answers, or for kto one.
  int64_t answers() const { return options_.loss == PreferenceLoss::kKto ? 1 : 2; }
  struct Rows;
  at::Tensor loss_of_pairs(const Rows& rows, const data::Batch& batch, MetricLog& metrics) const;
  at::Tensor loss_of_answers(const Rows& rows, const data::Batch& batch, MetricLog& metrics) const;

  PreferenceOptions options_;
  parallel::Communicator& context_;
};

}  // namespace strata::trainer
