#include <c10/cuda/CUDAStream.h>

#include "kernels/cuda_stream.h"

void* strata::kernels::cuda::current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }
