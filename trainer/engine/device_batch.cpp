#include "trainer/engine/device_batch.h"

#include <ATen/ops/from_blob.h>

#include <cmath>

#include "data/batch.h"

namespace strata::trainer {
namespace {

template <class T>
at::Tensor as_tensor(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType stored,
                     at::ScalarType wanted, at::Device device) {
  // from_blob takes no const pointer; the copy that follows is the only reader.
  auto* memory = const_cast<T*>(values.data());
  return at::from_blob(memory, shape, at::TensorOptions().dtype(stored))
      .to(at::TensorOptions().dtype(wanted).device(device), /*non_blocking=*/false, /*copy=*/true);
}

/// Numbers of the tokens to read. Under context parallelism ends of rows are those of the own
/// columns: one of the ranks holds the row's.
std::vector<int64_t> tokens_read(const data::Batch& batch, Read read) {
  std::vector<int64_t> numbers;
  if (read == Read::kRowEnds) {
    const std::vector<int64_t> ends = data::last_columns(batch);
    for (int64_t row = 0; row < batch.rows; ++row) {
      if (ends[row] >= 0) numbers.push_back(row * batch.length + ends[row]);
    }
  } else {
    for (size_t n = 0; n < batch.targets.size(); ++n) {
      if (batch.targets[n] >= 0) numbers.push_back(static_cast<int64_t>(n));
    }
  }
  return numbers;
}

/// Picking tokens out costs a copy: not for less than an eighth of them.
bool is_worth_it(size_t read, size_t all) { return read > 0 && (all - read) * 8 >= all; }

}  // namespace

DeviceBatch to_device(const data::Batch& batch, Read read, at::Device device) {
  const auto ids = [&](const std::vector<int32_t>& values) {
    return as_tensor(values, {batch.rows, batch.length}, at::kInt, at::kLong, device);
  };
  DeviceBatch result;
  result.input.tokens_bt = ids(batch.tokens);
  if (!batch.one_document) {
    result.input.positions_bt = ids(batch.positions);
    result.input.document_bt = ids(batch.documents);
  }
  if (!batch.places.empty()) {
    result.input.columns_t = as_tensor(batch.places, {batch.length}, at::kLong, at::kLong, device);
  }
  if (const std::vector<int64_t> numbers = tokens_read(batch, read);
      is_worth_it(numbers.size(), batch.tokens.size())) {
    result.input.read_n =
        as_tensor(numbers, {static_cast<int64_t>(numbers.size())}, at::kLong, at::kLong, device);
  }
  result.targets_bt = ids(batch.targets);
  result.weights_bt =
      as_tensor(batch.weights, {batch.rows, batch.length}, at::kFloat, at::kFloat, device);
  result.samples_b = as_tensor(batch.samples, {batch.rows}, at::kLong, at::kLong, device);
  result.rows = &batch;
  return result;
}

at::Tensor noise_bounds(const data::Batch& batch, double alpha, int64_t width, at::Device device) {
  std::vector<float> bounds;
  bounds.reserve(batch.document_tokens.size());
  for (const int32_t tokens : batch.document_tokens) {
    const double area = static_cast<double>(tokens) * static_cast<double>(width);
    bounds.push_back(area > 0 ? static_cast<float>(alpha / std::sqrt(area)) : 0.0f);
  }
  return as_tensor(bounds, {batch.rows, batch.length}, at::kFloat, at::kFloat, device);
}

}  // namespace strata::trainer
