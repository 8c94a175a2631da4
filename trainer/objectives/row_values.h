// One number per row out of a batch's numbers per token, on every layout: where the context ranks
// hold parts of each row, a whole row's number is put together from theirs. Knows no loss.
#pragma once

#include <ATen/core/Tensor.h>

#include "trainer/engine/device_batch.h"

namespace strata::model {
class Head;
}
namespace strata::parallel {
class Communicator;
}

namespace strata::trainer {

class MetricLog;

/// Sums over the context ranks of what each has of a row, [rows]. The value is the whole row's, on
/// every rank; the gradient of each rank is that of its own part alone, so that the ranks'
/// gradients, which are summed later, make the whole one. Collective over `context`.
at::Tensor whole_row_sums(const at::Tensor& own_b, parallel::Communicator& context);

/// fp32 [rows]: what the scalar head says at each row's last token (the end token included, padding
/// not); 0 without a gradient for a row of nothing but padding. Collective over `context`.
at::Tensor last_values(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                       parallel::Communicator& context);

/// fp32 [rows]: log-probabilities of each row's targets, times their weights, summed. Collective
/// over `context`.
at::Tensor answer_logprobs(const at::Tensor& h_nd, const model::Head& head,
                           const DeviceBatch& batch, parallel::Communicator& context);

/// fp32 [rows]: the sum of each row's weights, which is the number of its answer's tokens.
/// Collective over `context`.
at::Tensor answer_lengths(const DeviceBatch& batch, parallel::Communicator& context);

/// The weighted mean of some rows' (or pairs') numbers, to be summed over ranks and micro-batches;
/// nothing where they weigh nothing.
void add_mean(MetricLog& metrics, const char* name, const at::Tensor& value,
              const at::Tensor& weight);

}  // namespace strata::trainer
