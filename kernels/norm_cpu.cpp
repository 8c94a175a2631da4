// The loops of the norms on the CPU: one row after the other, a row several times while it is in
// the first cache.
#include <algorithm>
#include <cmath>

#include "kernels/raw.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels {
namespace {

constexpr int64_t kNormGrain = 16 * 1024;  // elements worth a thread

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_row(
    const T* __restrict x, const T* __restrict delta, T* __restrict sum, int64_t width) {
  for (int64_t i = 0; i < width; ++i) sum[i] = rounded<T>(load(x[i]) + load(delta[i]));
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] float row_mean(
    const T* __restrict x, int64_t width) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; ++i) sum += load(x[i]);
  return sum / static_cast<float>(width);
}

/// Mean square distance from `center`.
template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] float row_spread(
    const T* __restrict x, float center, int64_t width) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; ++i) sum += (load(x[i]) - center) * (load(x[i]) - center);
  return sum / static_cast<float>(width);
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void norm_row(
    const T* __restrict x, const T* __restrict weight, const T* __restrict bias, T* __restrict y,
    float mean, float inverse, int64_t width) {
  if (bias) {
    for (int64_t i = 0; i < width; ++i)
      y[i] = rounded<T>((load(x[i]) - mean) * inverse * load(weight[i]) + load(bias[i]));
  } else {
    for (int64_t i = 0; i < width; ++i)
      y[i] = rounded<T>((load(x[i]) - mean) * inverse * load(weight[i]));
  }
}

template <class T>
void norm_rows(const NormForwardRaw& norm, int64_t begin, int64_t end) {
  const T* weight = static_cast<const T*>(norm.weight);
  const T* bias = static_cast<const T*>(norm.bias);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * norm.width;
    const T* x = static_cast<const T*>(norm.x) + at;
    if (norm.delta) {
      T* sum = static_cast<T*>(norm.residual) + at;
      add_row(x, static_cast<const T*>(norm.delta) + at, sum, norm.width);
      x = sum;
    }
    const float mean = norm.layer ? row_mean(x, norm.width) : 0.0f;
    const float inverse = 1.0f / std::sqrt(row_spread(x, mean, norm.width) + norm.eps);
    if (norm.mean) norm.mean[row] = mean;
    norm.inverse[row] = inverse;
    norm_row(x, weight, bias, static_cast<T*>(norm.y) + at, mean, inverse, norm.width);
  }
}

/// The two sums over a row that its gradient needs, with n = (x - mean) * inverse.
struct RowSums {
  float grad, grad_times_n;
};

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] RowSums grad_row_sums(
    const T* __restrict grad_y, const T* __restrict x, const T* __restrict weight, float mean,
    float inverse, int64_t width) {
  float grad = 0, grad_times_n = 0;
#pragma omp simd reduction(+ : grad, grad_times_n)
  for (int64_t i = 0; i < width; ++i) {
    const float g = load(grad_y[i]) * load(weight[i]);
    grad += g;
    grad_times_n += g * (load(x[i]) - mean);
  }
  return {grad, grad_times_n * inverse};
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void grad_row(
    const T* __restrict grad_y, const T* __restrict x, const T* __restrict weight,
    const T* __restrict extra, T* __restrict grad_x, float mean, float inverse, float mean_grad,
    float mean_grad_times_n, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    const float n = (load(x[i]) - mean) * inverse;
    const float g = load(grad_y[i]) * load(weight[i]);
    const float own = inverse * (g - mean_grad - n * mean_grad_times_n);
    grad_x[i] = rounded<T>(extra ? own + load(extra[i]) : own);
  }
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_weight_grad(
    const T* __restrict grad_y, const T* __restrict x, float* __restrict weight_sum, float mean,
    float inverse, int64_t width) {
  for (int64_t i = 0; i < width; ++i)
    weight_sum[i] += load(grad_y[i]) * (load(x[i]) - mean) * inverse;
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add_bias_grad(
    const T* __restrict grad_y, float* __restrict bias_sum, int64_t width) {
  for (int64_t i = 0; i < width; ++i) bias_sum[i] += load(grad_y[i]);
}

template <class T>
void grad_chunk(const NormBackwardRaw& norm, int64_t chunk) {
  const int64_t width = norm.width;
  float* weight_sum = norm.weight_sums ? norm.weight_sums + chunk * width : nullptr;
  float* bias_sum = norm.bias_sums ? norm.bias_sums + chunk * width : nullptr;
  if (weight_sum) std::fill_n(weight_sum, width, 0.0f);
  if (bias_sum) std::fill_n(bias_sum, width, 0.0f);
  const T* weight = static_cast<const T*>(norm.weight);
  const int64_t end = std::min((chunk + 1) * norm.chunk_rows, norm.rows);
  for (int64_t row = chunk * norm.chunk_rows; row < end; ++row) {
    const int64_t at = row * width;
    const T* grad_y = static_cast<const T*>(norm.grad_y) + at;
    const T* x = static_cast<const T*>(norm.residual) + at;
    const T* extra = norm.grad_residual ? static_cast<const T*>(norm.grad_residual) + at : nullptr;
    const float mean = norm.layer ? norm.mean[row] : 0.0f, inverse = norm.inverse[row];
    const RowSums sums = grad_row_sums(grad_y, x, weight, mean, inverse, width);
    const auto count = static_cast<float>(width);
    grad_row(grad_y, x, weight, extra, static_cast<T*>(norm.grad_x) + at, mean, inverse,
             norm.layer ? sums.grad / count : 0.0f, sums.grad_times_n / count, width);
    if (weight_sum) add_weight_grad(grad_y, x, weight_sum, mean, inverse, width);
    if (bias_sum) add_bias_grad(grad_y, bias_sum, width);
  }
}

}  // namespace

namespace cpu {

void norm_forward(const NormForwardRaw& norm) {
  with_element_type(norm.bf16, [&](auto element) {
    parallel_for(0, norm.rows, kNormGrain / norm.width + 1, [&](int64_t begin, int64_t end) {
      norm_rows<decltype(element)>(norm, begin, end);
    });
  });
}

void norm_backward(const NormBackwardRaw& norm) {
  const int64_t chunks = (norm.rows + norm.chunk_rows - 1) / norm.chunk_rows;
  const int64_t grain = kNormGrain / (norm.width * norm.chunk_rows) + 1;
  with_element_type(norm.bf16, [&](auto element) {
    parallel_for(0, chunks, grain, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) grad_chunk<decltype(element)>(norm, chunk);
    });
  });
}

}  // namespace cpu
}  // namespace strata::kernels
