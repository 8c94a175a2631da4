// What a checkpoint says of its run beside the tensors, as text: enough to go on, and to use the
// model without the run.
#pragma once

#include <cstdint>
#include <string>

#include "model/hf.h"

namespace strata::trainer {

struct RunState {
  int64_t tokens = 0;       ///< trained on so far
  std::string algorithm;    ///< the job's own state
  model::FolderInfo model;  ///< what the (only, or main) model is

  std::string text() const;
  /// UserError (kBadCheckpoint) where the text is not of this form.
  static RunState parse(const std::string& text);
};

}  // namespace strata::trainer
