// What `strata env` shows: the libraries really loaded, the devices, the cores that this process
// may use and the way a matrix product takes. Gathering is apart from printing; warnings are part
// of what is gathered, so that a job can log them too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::trainer {

/// Strata's own version, "major.minor.patch".
std::string_view version();

struct Environment {
  std::string program;  ///< path of this very program
  /// Strata, then the libraries: name, version or "".
  std::vector<std::pair<std::string, std::string>> versions;
  struct Device {
    std::string kind, name;  ///< kind: cpu or cuda
    int64_t memory_bytes;
  };
  std::vector<Device> devices;
  std::vector<int> cores;  ///< that this process is bound to
  int cores_online;
  int threads;  ///< of one matrix product
  int ranks_on_node;
  std::string cpu_capability;  ///< LibTorch's choice of kernels: DEFAULT, AVX2, AVX512
  std::string fp32_gemm, bf16_gemm;
  std::vector<std::string> warnings;  ///< what makes this process slow
};

/// `ranks_on_node` processes of this job share the machine.
Environment gather_environment(int ranks_on_node);

std::string environment_text(const Environment& environment);
std::string environment_json(const Environment& environment);

}  // namespace strata::trainer
