// What a checkpoint says of its run beside the tensors, as text: enough to go on, and to use the
// model without the run.
#pragma once

#include <cstdint>
#include <string>

#include "model/hf.h"
#include "model/lora.h"

namespace strata::trainer {

/// That a checkpoint holds adapters alone, and to what.
struct LoraRecord {
  model::LoraConfig lora;  ///< rank 0: it holds the whole model
  std::string base;        ///< where the model is that they adapt
};

struct RunState {
  int64_t tokens = 0;       ///< trained on so far
  std::string algorithm;    ///< the job's own state
  model::FolderInfo model;  ///< what the (only, or main) model is
  LoraRecord adapters = {};

  std::string text() const;
  /// UserError (kBadCheckpoint) where the text is not of this form.
  static RunState parse(const std::string& text);
};

}  // namespace strata::trainer
