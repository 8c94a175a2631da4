// The twin of gpus_cudnn.cpp for the program without GPU files.
#include "kernels/gpus.h"

namespace strata::kernels {

std::vector<Gpu> gpus() { return {}; }

GpuSoftware gpu_software() { return {}; }

}  // namespace strata::kernels
