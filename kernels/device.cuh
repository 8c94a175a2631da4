// What the GPU kernels share: fp32 and bf16 elements as fp32, sums over a block in a fixed order
// (the same bits in every run), launches that report their errors.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "kernels/cuda_stream.h"

namespace strata::kernels::cuda {

using Bf16 = __nv_bfloat16;

__device__ inline float load(float x) { return x; }
__device__ inline float load(Bf16 x) { return __bfloat162float(x); }
__device__ inline void store(float* to, float x) { *to = x; }
__device__ inline void store(Bf16* to, float x) { *to = __float2bfloat16_rn(x); }

constexpr int kWarp = 32;
constexpr int kBlock = 256;  // threads of a block, everywhere

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Max {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

/// The reduction over all kBlock threads, on every thread. `empty`: what changes nothing.
template <class Op>
__device__ float reduce_block(float x, Op op, float empty) {
  __shared__ float warps[kBlock / kWarp];
  for (int step = kWarp / 2; step > 0; step /= 2) x = op(x, __shfl_xor_sync(~0u, x, step));
  __syncthreads();  // the last reduction's numbers have been read
  if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = x;
  __syncthreads();
  x = empty;
  for (int warp = 0; warp < kBlock / kWarp; ++warp) x = op(x, warps[warp]);
  return x;
}

inline cudaStream_t stream() { return static_cast<cudaStream_t>(current_stream()); }

inline void check_launch(const char* kernel) {
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess)
    throw std::runtime_error(std::string(kernel) + " did not start: " + cudaGetErrorString(error));
}

inline unsigned blocks_for(int64_t count) {
  return static_cast<unsigned>((count + kBlock - 1) / kBlock);
}

/// Calls f(float{}) or f(Bf16{}).
template <class F>
void with_element_type(bool bf16, F f) {
  bf16 ? f(Bf16{}) : f(float{});
}

}  // namespace strata::kernels::cuda
