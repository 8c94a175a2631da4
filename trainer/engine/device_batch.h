// A data::Batch as tensors on this rank's device: what the model and the objectives see.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace strata::data {
struct Batch;
}

namespace strata::trainer {

struct DeviceBatch {
  at::Tensor tokens_bt, targets_bt;       ///< int64; targets are -100 where nothing is trained
  at::Tensor weights_bt;                  ///< fp32
  at::Tensor positions_bt, documents_bt;  ///< int32
  bool one_document = true;               ///< no document mask needed
  std::vector<int64_t> samples;           ///< global sample number of each row
  const data::Batch* rows = nullptr;      ///< the batch that this was made of
};

DeviceBatch to_device(const data::Batch& batch, at::Device device);

}  // namespace strata::trainer
