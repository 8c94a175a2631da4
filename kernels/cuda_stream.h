// The stream that LibTorch's work of this thread goes to, as a cudaStream_t. stream_cuda.cpp.
#pragma once

namespace strata::kernels::cuda {
void* current_stream();
}
