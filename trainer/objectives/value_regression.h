// The clipped value loss of PPO: the critic's output before each answer token against the return
// from there on. Token columns: "return" and "old_value".
#pragma once

#include <limits>

#include "trainer/objectives/objective.h"

namespace strata::trainer {

class ValueRegression : public Objective {
 public:
  /// `clip` 0: none. `coefficient` scales the loss, not what is shown of it.
  ValueRegression(double clip, double coefficient)
      : clip_(clip > 0 ? clip : std::numeric_limits<double>::infinity()),
        coefficient_(coefficient) {}

  double weight(const data::Batch& batch) const override;
  at::Tensor loss(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                  double inv_weight, MetricLog& metrics) const override;

 private:
  double clip_, coefficient_;
};

}  // namespace strata::trainer
