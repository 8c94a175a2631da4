// Cross-entropy of each next token, weighted as the batch says: the objective of pretraining, and
// of fine-tuning on masked rows.
#pragma once

#include "trainer/objectives/objective.h"

namespace strata::trainer {

class NextToken : public Objective {
 public:
  double weight(const data::Batch& batch) const override;
  at::Tensor loss(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                  double inv_weight, MetricLog& metrics) const override;
  bool is_token_likelihood() const override { return true; }
};

}  // namespace strata::trainer
