// The rewards of a config together: weighted and summed for training, and those that are only
// watched. Knows what each answer got, not what is done with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/loop/metric_log.h"
#include "trainer/rewards/reward.h"

namespace strata::trainer {

/// What the answers of one rollout got.
struct Scores {
  struct Part {
    std::string name;
    std::vector<double> values;  ///< as the source gave them; NaN: none
  };
  std::vector<Part> parts;    ///< in the order of the config
  std::vector<double> total;  ///< weighted sum of the parts that are there; NaN: none was
};

class Scorer {
 public:
  /// `key` is "rewards" or "watch". Collective.
  Scorer(const std::vector<RewardSource>& sources, const std::string& key,
         const RewardContext& context);

  /// Refuses rows that a reward cannot work with.
  void check_row(const base::JsonReader& row) const;
  /// Collective.
  Scores score(const Rollout& rollout);
  bool empty() const { return rewards_.empty(); }
  /// "exact_match x 1, model x 0.5", for the log.
  std::string describe() const;

 private:
  struct Weighted {
    std::string name;
    double weight;
    std::unique_ptr<Reward> reward;
  };
  std::vector<Weighted> rewards_;
};

/// "PREFIX/NAME" of every part (its mean over the answers that have it).
void log_parts(const Scores& scores, const std::string& prefix, MetricLog& metrics);
/// The mean of the numbers that are there; NaN where there is none.
double mean_of_present(const std::vector<double>& values);
int64_t count_missing(const std::vector<double>& values);

}  // namespace strata::trainer
