// The loops of the activations on the CPU.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/raw.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels {
namespace {

constexpr int64_t kActivationGrain = 8 * 1024;  // elements worth a thread
constexpr float kRootTwoOverPi = 0.7978845608f, kCubic = 0.044715f;

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void swiglu_row(
    const T* __restrict gate, const T* __restrict up, T* __restrict y, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    const float g = load(gate[i]);
    y[i] = rounded<T>(g * fast_sigmoid(g) * load(up[i]));
  }
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void swiglu_grad_row(
    const T* __restrict gate, const T* __restrict up, const T* __restrict grad,
    T* __restrict grad_gate, T* __restrict grad_up, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    const float g = load(gate[i]), dy = load(grad[i]);
    const float sigmoid = fast_sigmoid(g), silu = g * sigmoid;
    grad_gate[i] = rounded<T>(dy * load(up[i]) * (sigmoid + silu * (1.0f - sigmoid)));
    grad_up[i] = rounded<T>(dy * silu);
  }
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void gelu_tanh_run(
    const T* __restrict x, T* __restrict y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float v = load(x[i]);
    const float t = fast_tanh(kRootTwoOverPi * (v + kCubic * v * v * v));
    y[i] = rounded<T>(0.5f * v * (1.0f + t));
  }
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void gelu_tanh_grad_run(
    const T* __restrict x, const T* __restrict grad, T* __restrict y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float v = load(x[i]);
    const float t = fast_tanh(kRootTwoOverPi * (v + kCubic * v * v * v));
    const float slope = kRootTwoOverPi * (1.0f + 3.0f * kCubic * v * v);
    y[i] = rounded<T>(load(grad[i]) * 0.5f * (1.0f + t + v * (1.0f - t * t) * slope));
  }
}

float normal_below(float x) { return 0.5f * std::erfc(-x * std::numbers::sqrt2_v<float> / 2.0f); }

template <class T>
void gelu_exact_run(const T* x, const T* grad, T* y, int64_t count) {
  constexpr float kInverseRootTwoPi = 0.3989422804f;
  for (int64_t i = 0; i < count; ++i) {
    const float v = load(x[i]), below = normal_below(v);
    if (!grad) {
      y[i] = rounded<T>(v * below);
    } else {
      const float density = kInverseRootTwoPi * std::exp(-0.5f * v * v);
      y[i] = rounded<T>(load(grad[i]) * (below + v * density));
    }
  }
}

template <class T>
void gelu_run(const GeluRaw& gelu, int64_t begin, int64_t count) {
  const T* x = static_cast<const T*>(gelu.x) + begin;
  const T* grad = gelu.grad ? static_cast<const T*>(gelu.grad) + begin : nullptr;
  T* y = static_cast<T*>(gelu.out) + begin;
  if (!gelu.tanh) {
    gelu_exact_run(x, grad, y, count);
  } else if (grad) {
    gelu_tanh_grad_run(x, grad, y, count);
  } else {
    gelu_tanh_run(x, y, count);
  }
}

template <class T>
void swiglu_rows(const SwigluRaw& swiglu, int64_t begin, int64_t end) {
  const int64_t width = swiglu.width;
  for (int64_t row = begin; row < end; ++row) {
    const T* gate = static_cast<const T*>(swiglu.gate_up) + row * 2 * width;
    if (swiglu.grad) {
      T* grad_gate = static_cast<T*>(swiglu.out) + row * 2 * width;
      swiglu_grad_row(gate, gate + width, static_cast<const T*>(swiglu.grad) + row * width,
                      grad_gate, grad_gate + width, width);
    } else {
      swiglu_row(gate, gate + width, static_cast<T*>(swiglu.out) + row * width, width);
    }
  }
}

}  // namespace

void cpu::swiglu(const SwigluRaw& swiglu) {
  with_element_type(swiglu.bf16, [&](auto element) {
    const int64_t grain = kActivationGrain / (swiglu.width + 1) + 1;
    parallel_for(0, swiglu.rows, grain, [&](int64_t begin, int64_t end) {
      swiglu_rows<decltype(element)>(swiglu, begin, end);
    });
  });
}

void cpu::gelu(const GeluRaw& gelu) {
  with_element_type(gelu.bf16, [&](auto element) {
    parallel_for(0, gelu.count, kActivationGrain, [&](int64_t begin, int64_t end) {
      gelu_run<decltype(element)>(gelu, begin, end - begin);
    });
  });
}

}  // namespace strata::kernels
