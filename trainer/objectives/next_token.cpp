#include "trainer/objectives/next_token.h"

#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>

#include <numbers>
#include <numeric>

#include "data/batch.h"
#include "model/head.h"
#include "trainer/loop/metric_log.h"

namespace strata::trainer {

double NextToken::weight(const data::Batch& batch) const {
  return std::accumulate(batch.weights.begin(), batch.weights.end(), 0.0);
}

at::Tensor NextToken::loss(const at::Tensor& h_nd, const model::Head& head,
                           const DeviceBatch& batch, double inv_weight, MetricLog& metrics) const {
  const at::Tensor logprobs_bt = head.token_logprobs(h_nd, batch.targets_bt);
  const at::Tensor loss = at::sum(at::mul(logprobs_bt, batch.weights_bt)).mul(-inv_weight);
  const double value = loss.detach().item<double>();
  metrics.add("loss", value, weight(*batch.rows) * inv_weight);
  const int64_t bytes =
      std::accumulate(batch.rows->bytes.begin(), batch.rows->bytes.end(), int64_t{0});
  metrics.add("bits_per_byte", value / std::numbers::ln2, static_cast<double>(bytes) * inv_weight);
  return loss;
}

}  // namespace strata::trainer
