#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <fmt/format.h>

#include "kernels/gpus.h"

namespace strata::kernels {
namespace {

/// CUDA writes 13.0 as 13000.
std::string cuda_version(int number) {
  return number == 0 ? "" : fmt::format("{}.{}", number / 1000, number % 1000 / 10);
}

}  // namespace

std::vector<Gpu> gpus() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return {};  // no driver
  std::vector<Gpu> found;
  for (int index = 0; index < count; ++index) {
    cudaDeviceProp device;
    if (cudaGetDeviceProperties(&device, index) != cudaSuccess) continue;
    found.push_back({.name = device.name,
                     .memory_bytes = static_cast<int64_t>(device.totalGlobalMem),
                     .major = device.major,
                     .minor = device.minor,
                     .multiprocessors = device.multiProcessorCount});
  }
  return found;
}

GpuSoftware gpu_software() {
  int runtime = 0, driver = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);           // 0 without a driver
  const size_t cudnn = cudnnGetVersion();  // 9.19.0 is 91900
  return {.cuda_runtime = cuda_version(runtime),
          .cuda_driver = cuda_version(driver),
          .cudnn = fmt::format("{}.{}.{}", cudnn / 10000, cudnn % 10000 / 100, cudnn % 100)};
}

}  // namespace strata::kernels
