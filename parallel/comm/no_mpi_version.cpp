#include "parallel/comm/versions.h"

namespace strata::parallel {

std::string mpi_version() { return ""; }

}  // namespace strata::parallel
