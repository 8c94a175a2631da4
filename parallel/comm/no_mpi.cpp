// In place of mpi_*.cpp where the build has no MPI.
#include "base/error.h"
#include "parallel/comm/world.h"

namespace strata::parallel {

std::unique_ptr<Communicator> make_mpi_world(HostPath) {
  throw base::UserError(
      base::kBadUsage,
      "several ranks were started, but this build has no MPI: install MPI (Debian: "
      "libopenmpi-dev) and build again with STRATA_MPI=ON");
}

}  // namespace strata::parallel
