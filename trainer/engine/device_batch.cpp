#include "trainer/engine/device_batch.h"

#include <ATen/ops/from_blob.h>

#include "data/batch.h"

namespace strata::trainer {
namespace {

template <class T>
at::Tensor as_tensor(const std::vector<T>& values, const data::Batch& batch, at::ScalarType stored,
                     at::ScalarType wanted, at::Device device) {
  // from_blob takes no const pointer; the copy that follows is the only reader.
  auto* memory = const_cast<T*>(values.data());
  return at::from_blob(memory, {batch.rows, batch.length}, at::TensorOptions().dtype(stored))
      .to(at::TensorOptions().dtype(wanted).device(device), /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor ids(const std::vector<int32_t>& values, const data::Batch& batch, at::Device device) {
  return as_tensor(values, batch, at::kInt, at::kLong, device);
}

}  // namespace

DeviceBatch to_device(const data::Batch& batch, at::Device device) {
  DeviceBatch result;
  result.input.tokens_bt = ids(batch.tokens, batch, device);
  if (!batch.one_document) {
    result.input.positions_bt = ids(batch.positions, batch, device);
    result.input.document_bt = ids(batch.documents, batch, device);
  }
  result.targets_bt = ids(batch.targets, batch, device);
  result.weights_bt = as_tensor(batch.weights, batch, at::kFloat, at::kFloat, device);
  result.rows = &batch;
  return result;
}

}  // namespace strata::trainer
