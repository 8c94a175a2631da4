// Where tensors live.
#include <fmt/format.h>

#include "base/error.h"
#include "kernels/gpus.h"
#include "trainer/session/session.h"

namespace strata::trainer {

c10::Device choose_device(const std::string& wanted, int local_rank) {
  const int gpus = static_cast<int>(kernels::gpus().size());
  if (wanted == "cpu" || (wanted == "auto" && gpus == 0)) return c10::kCPU;
  if (gpus == 0)
    throw base::UserError(
        base::kBadUsage,
        "run.device is cuda, but there is no GPU that this program can use; try auto or cpu");
  if (local_rank >= gpus) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("run.device: rank {} of this host has no GPU of its own: there are {}",
                    local_rank, gpus));
  }
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(local_rank)};
}

}  // namespace strata::trainer
