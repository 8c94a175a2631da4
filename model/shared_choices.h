// How the tokens that the last stage of a pipeline chose reach every rank that holds the model,
// without anybody waiting for them before they are needed. Knows neither prompts nor caches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "model/sampling.h"
#include "parallel/comm/communicator.h"

namespace strata::model {

class Decoder;

/// The choices of one pass over `rows` rows. Made by every rank of the tensor and pipeline axes in
/// the same order; get() of one may come after others were made.
class SharedChoices {
 public:
  /// `choose` is called on one rank of the last stage.
  SharedChoices(const Decoder& decoder, int64_t rows,
                const std::function<std::vector<Choice>()>& choose);
  /// The same on every rank; waits for them. Once.
  std::vector<Choice> get();

 private:
  at::Tensor travelling_;  // fp64 [rows, 2], exact for both numbers, on the device of the messages
  std::vector<parallel::WorkPtr> messages_;
};

}  // namespace strata::model
