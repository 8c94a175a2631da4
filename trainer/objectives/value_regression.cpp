#include "trainer/objectives/value_regression.h"

#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>

#include <numeric>

#include "data/batch.h"
#include "model/head.h"
#include "trainer/loop/metric_log.h"
#include "trainer/objectives/policy_gradient.h"
#include "trainer/rl/losses.h"

namespace strata::trainer {

double ValueRegression::weight(const data::Batch& batch) const {
  return std::accumulate(batch.weights.begin(), batch.weights.end(), 0.0);
}

at::Tensor ValueRegression::loss(const at::Tensor& h_nd, const model::Head& head,
                                 const DeviceBatch& batch, double inv_weight,
                                 MetricLog& metrics) const {
  const at::Tensor values_bt = head.values(h_nd, batch.rows->rows, batch.rows->length);
  const ValueLoss value = clipped_value_loss(values_bt, token_column(batch, "old_value"),
                                             token_column(batch, "return"), clip_);
  const at::Tensor loss = at::sum(at::mul(value.loss_bt, batch.weights_bt)).mul(inv_weight);
  metrics.add("loss/value_avg", loss.detach().item<double>(), weight(*batch.rows) * inv_weight);
  metrics.add("val/clipfrac_avg", sum_where_weighted(value.is_clipped_bt, batch),
              count_weighted(batch));
  return loss.mul(coefficient_);
}

}  // namespace strata::trainer
