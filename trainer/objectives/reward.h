// The objective of reward models: a scalar head's number at the last token of each answer, trained
// on pairs, rankings or ratings. Every prompt counts the same, however many answers it has. Reads
// batches of data::RowKind kPairs, kRankings or kRatings.
#pragma once

#include <string_view>

#include "trainer/objectives/objective.h"

namespace strata::parallel {
class Communicator;
}

namespace strata::trainer {

enum class RewardLoss : uint8_t { kBradleyTerry, kPlackettLuce, kRegression };
/// "bradley_terry", "plackett_luce" or "regression", as the config has checked.
RewardLoss reward_loss_named(std::string_view name);

struct RewardOptions {
  RewardLoss loss = RewardLoss::kBradleyTerry;
  double center = 0;    ///< weight of the mean squared sum of a pair's rewards
  int64_t prompts = 1;  ///< of each micro-batch; its rows are theirs in equal shares
};

class RewardObjective : public Objective {
 public:
  /// `context`: the ranks that share each row.
  RewardObjective(const RewardOptions& options, parallel::Communicator& context)
      : options_(options), context_(context) {}

  double weight(const data::Batch& batch) const override;
  Read reads() const override { return Read::kRowEnds; }
  /// Metrics of pairs: accuracy (a tie counts half), margin (mean gap of the rewards), brier (mean
  /// squared error of sigma(gap) as the probability of the label) and, where nothing is trained,
  /// calibration_error; of ratings: loss alone; and mean_reward.
  at::Tensor loss(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                  double inv_weight, MetricLog& metrics) const override;

 private:
  int64_t answers(const data::Batch& batch) const;
  at::Tensor summed_loss(const at::Tensor& reward_b, const data::Batch& batch) const;

  RewardOptions options_;
  parallel::Communicator& context_;
};

}  // namespace strata::trainer
