// The `optimizer:` section of a config. Knows its own fields; the rate of each step is
// lr_schedule.h's affair.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"

namespace strata::parallel {

struct OptimizerConfig {
  std::string type = "adamw";
  double lr = 1e-3;
  double min_lr = 1e-4;
  std::vector<double> betas = {0.9, 0.95};
  double eps = 1e-8;
  double weight_decay = 0.1;
  double clip = 1.0;  ///< 0: never clipped
  std::string schedule = "cosine";
  int64_t warmup = 20;

  void fields(base::Fields& f);
  void check(base::Problems& problems) const;
};

}  // namespace strata::parallel
