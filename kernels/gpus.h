// The GPUs that this process can use and the software under them. Has a twin for builds without GPU
// files, which sees none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata::kernels {

struct Gpu {
  std::string name;      ///< as the driver calls it: "NVIDIA H100 80GB HBM3"
  int64_t memory_bytes;  ///< in all
  int major, minor;      ///< compute capability
  int multiprocessors;
};

/// In CUDA's order, CUDA_VISIBLE_DEVICES applied. Empty without a GPU or without its driver.
std::vector<Gpu> gpus();

/// Versions of the libraries loaded into this process, "13.0"; empty strings where there are none.
struct GpuSoftware {
  std::string cuda_runtime, cuda_driver, cudnn;
};
GpuSoftware gpu_software();

}  // namespace strata::kernels
