// The `checkpoint:` section of a config: when a checkpoint is saved and which ones are kept.
#pragma once

#include <cstdint>

#include "base/config.h"

namespace strata::trainer {

struct CheckpointConfig {
  int64_t every = 100;  ///< steps; 0: only at the end
  int64_t keep_last = 2;
  int64_t keep_every = 0;  ///< steps that are multiples of it stay for good; 0: none does
  bool keep_best = false;
  bool async = false;

  void fields(base::Fields& f);
};

}  // namespace strata::trainer
