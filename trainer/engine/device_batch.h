// A data::Batch as tensors on this rank's device: what the model and the objectives see.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/decoder.h"

namespace strata::data {
struct Batch;
}

namespace strata::trainer {

/// Which tokens' final hidden states a pass is after. What only the others need is not computed.
enum class Read : uint8_t { kTargets, kRowEnds };

struct DeviceBatch {
  model::Input input;       ///< tokens; positions and documents only where the rows hold several
                            ///< documents; the tokens to read unless nearly all are
  at::Tensor targets_bt;    ///< int64; negative where nothing is trained
  at::Tensor weights_bt;    ///< fp32
  at::Tensor samples_b;     ///< int64: global sample numbers
  const data::Batch* rows;  ///< the batch that this was made of
};

/// `batch` must outlive the result.
DeviceBatch to_device(const data::Batch& batch, Read read, at::Device device);

/// alpha / sqrt(L d) for every token, L = the tokens of its document in the row, d = `width`: the
/// bounds of the noise on embeddings (Jain et al. 2023, algorithm 1); 0 for padding. fp32 [rows,
/// length].
at::Tensor noise_bounds(const data::Batch& batch, double alpha, int64_t width, at::Device device);

}  // namespace strata::trainer
