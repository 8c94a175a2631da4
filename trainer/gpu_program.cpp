#include "trainer/gpu_program.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace strata::trainer {
namespace {

bool gpu_wanted() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible != nullptr &&
      (std::string_view(visible).empty() || std::string_view(visible) == "-1"))
    return false;
  return access("/dev/nvidiactl", F_OK) == 0 ||
         access("/dev/dxg", F_OK) == 0;  // the second: under Windows' Linux subsystem
}

}  // namespace

void hand_over_to_gpu_program(char** argv) {
  if (!gpu_wanted()) return;
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  // strata-gpu comes by here too and finds no strata-gpu-gpu. Where execv fails, the CPU program
  // goes on.
  if (!error) execv((self.string() + "-gpu").c_str(), argv);
}

}  // namespace strata::trainer
