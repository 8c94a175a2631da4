// The activations on the GPU: a thread for each element.
#include "kernels/device.cuh"
#include "kernels/raw.h"

namespace strata::kernels::cuda {
namespace {

template <class T>
__global__ void swiglu_elements(SwigluRaw swiglu, int64_t count) {
  const int64_t index = int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (index >= count) return;
  const int64_t gate_at = index / swiglu.width * 2 * swiglu.width + index % swiglu.width;
  const T* gate_up = static_cast<const T*>(swiglu.gate_up);
  const float gate = load(gate_up[gate_at]), up = load(gate_up[gate_at + swiglu.width]);
  const float sigmoid = 1.0f / (1.0f + expf(-gate)), silu = gate * sigmoid;
  T* out = static_cast<T*>(swiglu.out);
  if (!swiglu.grad) {
    store(out + index, silu * up);
    return;
  }
  const float grad = load(static_cast<const T*>(swiglu.grad)[index]);
  store(out + gate_at, grad * up * (sigmoid + silu * (1.0f - sigmoid)));
  store(out + gate_at + swiglu.width, grad * silu);
}

/// Value and slope of gelu.
__device__ void gelu_at(float x, bool tanh_form, float& value, float& slope) {
  if (tanh_form) {
    constexpr float kRootTwoOverPi = 0.7978845608f, kCubic = 0.044715f;
    const float t = tanhf(kRootTwoOverPi * (x + kCubic * x * x * x));
    value = 0.5f * x * (1.0f + t);
    slope =
        0.5f * (1.0f + t + x * (1.0f - t * t) * kRootTwoOverPi * (1.0f + 3.0f * kCubic * x * x));
  } else {
    constexpr float kRootHalf = 0.7071067812f, kInverseRootTwoPi = 0.3989422804f;
    const float below = 0.5f * erfcf(-x * kRootHalf);
    value = x * below;
    slope = below + x * kInverseRootTwoPi * expf(-0.5f * x * x);
  }
}

template <class T>
__global__ void gelu_elements(GeluRaw gelu) {
  const int64_t index = int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (index >= gelu.count) return;
  float value, slope;
  gelu_at(load(static_cast<const T*>(gelu.x)[index]), gelu.tanh, value, slope);
  store(static_cast<T*>(gelu.out) + index,
        gelu.grad ? load(static_cast<const T*>(gelu.grad)[index]) * slope : value);
}

}  // namespace

void swiglu(const SwigluRaw& swiglu) {
  const int64_t count = swiglu.rows * swiglu.width;
  if (count == 0) return;
  with_element_type(swiglu.bf16, [&](auto element) {
    swiglu_elements<decltype(element)><<<blocks_for(count), kBlock, 0, stream()>>>(swiglu, count);
  });
  check_launch("swiglu");
}

void gelu(const GeluRaw& gelu) {
  if (gelu.count == 0) return;
  with_element_type(gelu.bf16, [&](auto element) {
    gelu_elements<decltype(element)><<<blocks_for(gelu.count), kBlock, 0, stream()>>>(gelu);
  });
  check_launch("gelu");
}

}  // namespace strata::kernels::cuda
