// The `parallel:` section of a config: how the ranks are arranged and how a step is scheduled over
// them. Knows its own fields and the rules among them; what the ranks and the model allow is
// checked by resolve_layout (parallel/mesh/layout.h) and by the model.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"

namespace strata::parallel {

struct ParallelConfig {
  int64_t tensor = 1;
  int64_t pipeline = 1;
  int64_t context = 1;
  int64_t expert = 1;
  base::AutoInt data;  ///< auto: the ranks that the other axes leave
  bool sequence = false;
  int64_t zero = 1;
  std::string schedule = "1f1b";
  int64_t chunks = 1;

  void fields(base::Fields& f);
  void check(base::Problems& problems) const;
};

}  // namespace strata::parallel
