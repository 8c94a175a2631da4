#include "trainer/objectives/row_values.h"

#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include <vector>

#include "data/batch.h"
#include "model/head.h"
#include "parallel/comm/collectives.h"
#include "trainer/loop/metric_log.h"

namespace strata::trainer {
namespace {

/// fp32 [rows, length]: 1 at each row's last token, on the rank that holds it.
at::Tensor last_token_mask(const DeviceBatch& batch, parallel::Communicator& context) {
  const data::Batch& rows = *batch.rows;
  const std::vector<int64_t> columns = data::last_columns(rows);
  // Columns of the own part are compared as places of the whole row.
  std::vector<double> own;
  for (const int64_t column : columns) {
    const bool is_cut = column >= 0 && !rows.places.empty();
    own.push_back(static_cast<double>(is_cut ? rows.places[column] : column));
  }
  std::vector<double> last = own;
  if (context.size() > 1) parallel::all_reduce_numbers(context, last, parallel::ReduceOp::kMax);
  at::Tensor mask_bt = at::zeros({rows.rows, rows.length}, at::kFloat);
  for (int64_t row = 0; row < rows.rows; ++row) {
    if (columns[row] >= 0 && own[row] == last[row])
      mask_bt.mutable_data_ptr<float>()[row * rows.length + columns[row]] = 1;
  }
  return mask_bt.to(batch.weights_bt.device());
}

}  // namespace

at::Tensor whole_row_sums(const at::Tensor& own_b, parallel::Communicator& context) {
  if (context.size() == 1) return own_b;
  const at::Tensor own = own_b.detach();
  at::Tensor sum_b = own.clone();
  parallel::all_reduce_wait(context, sum_b);
  return at::add(own_b, sum_b.sub(own));
}

at::Tensor last_values(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                       parallel::Communicator& context) {
  const at::Tensor mask_bt = last_token_mask(batch, context);
  const at::Tensor value_bt = head.values(h_nd, mask_bt.size(0), mask_bt.size(1));
  return whole_row_sums(at::sum(at::mul(value_bt, mask_bt), {1}), context);
}

at::Tensor answer_logprobs(const at::Tensor& h_nd, const model::Head& head,
                           const DeviceBatch& batch, parallel::Communicator& context) {
  const at::Tensor logprob_bt = head.token_logprobs(h_nd, batch.targets_bt);
  return whole_row_sums(at::sum(at::mul(logprob_bt, batch.weights_bt), {1}), context);
}

at::Tensor answer_lengths(const DeviceBatch& batch, parallel::Communicator& context) {
  return whole_row_sums(at::sum(batch.weights_bt, {1}), context);
}

void add_mean(MetricLog& metrics, const char* name, const at::Tensor& value,
              const at::Tensor& weight) {
  const double total = at::sum(weight).item<double>();
  if (total > 0) metrics.add(name, at::sum(at::mul(value, weight)).item<double>(), total);
}

}  // namespace strata::trainer
