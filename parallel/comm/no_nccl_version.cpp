#include "parallel/comm/versions.h"

namespace strata::parallel {

std::string nccl_version() { return ""; }

}  // namespace strata::parallel
