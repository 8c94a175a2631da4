// In place of nccl_*.cpp where the build has no CUDA.
#include "base/error.h"
#include "parallel/comm/world.h"

namespace strata::parallel {

std::unique_ptr<Communicator> make_nccl_world(Communicator&, int, HalfSums) {
  throw base::UserError(base::kBadUsage,
                        "run.device is cuda, but this build has no CUDA: set run.device to cpu, or "
                        "build with STRATA_CUDA=ON");
}

}  // namespace strata::parallel
