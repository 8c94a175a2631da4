#include "kernels/attention_blocks.h"

#include <cmath>
#include <limits>

#include "kernels/vector_math.h"

namespace strata::kernels::blocks {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

template <class T>
[[gnu::always_inline]] inline void widen(const T* __restrict x, float* __restrict y, int64_t width,
                                         int64_t padded, float scale) {
  for (int64_t i = 0; i < width; ++i) y[i] = load(x[i]) * scale;
  for (int64_t i = width; i < padded; ++i) y[i] = 0.0f;
}

template <class T>
[[gnu::always_inline]] inline void narrow(const float* __restrict x, T* __restrict y, int64_t width,
                                          float scale) {
  for (int64_t i = 0; i < width; ++i) y[i] = rounded<T>(x[i] * scale);
}

template <class T>
[[gnu::always_inline]] inline float dot(const float* __restrict q, const T* __restrict x,
                                        int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < n; ++j) sum += q[j] * load(x[j]);
  return sum;
}

template <class T>
[[gnu::always_inline]] inline void add_weighted(float weight, const T* __restrict x, int64_t n,
                                                float* __restrict out) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) out[j] += weight * load(x[j]);
}

/// The factor by which what was summed before shrinks.
[[gnu::always_inline]] inline float softmax_row(float* __restrict scores, int64_t n, float& max,
                                                float& sum) {
  float best = max;
#pragma omp simd reduction(max : best)
  for (int64_t j = 0; j < n; ++j) best = scores[j] > best ? scores[j] : best;
  if (best == kMinusInfinity) {  // nothing seen so far: exp(-inf + inf) would be NaN
    for (int64_t j = 0; j < n; ++j) scores[j] = 0.0f;
    return 1.0f;
  }
  float added = 0;
#pragma omp simd reduction(+ : added)
  for (int64_t j = 0; j < n; ++j) {
    scores[j] = exp_nonpositive(scores[j] - best);
    added += scores[j];
  }
  const float shrink = best == max ? 1.0f : exp_nonpositive(max - best);
  max = best;
  sum = sum * shrink + added;
  return shrink;
}

}  // namespace

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void widen_rows(
    const void* x, bool bf16, int64_t x_row, int64_t rows, int64_t width, float scale, float* y,
    int64_t padded) {
  for (int64_t i = 0; i < rows; ++i) {
    if (bf16) {
      widen(static_cast<const Bf16*>(x) + i * x_row, y + i * padded, width, padded, scale);
    } else {
      widen(static_cast<const float*>(x) + i * x_row, y + i * padded, width, padded, scale);
    }
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void narrow_rows(
    const float* x, int64_t x_row, int64_t rows, int64_t width, float scale, void* y, bool bf16,
    int64_t y_row) {
  for (int64_t i = 0; i < rows; ++i) {
    if (bf16) {
      narrow(x + i * x_row, static_cast<Bf16*>(y) + i * y_row, width, scale);
    } else {
      narrow(x + i * x_row, static_cast<float*>(y) + i * y_row, width, scale);
    }
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void mask_row(
    float* __restrict scores, const int32_t* __restrict places, const int32_t* __restrict documents,
    int32_t first, int32_t last, int32_t document, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    const bool seen = (places[j] >= first) & (places[j] <= last) & (documents[j] == document);
    scores[j] = seen ? scores[j] : kMinusInfinity;
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void softmax_rows(
    int64_t rows, int64_t n, int64_t stride, float* scores, float* max, float* sum, float* out,
    int64_t width) {
  for (int64_t i = 0; i < rows; ++i) {
    const float shrink = softmax_row(scores + i * stride, n, max[i], sum[i]);
    if (shrink == 1.0f) continue;
    for (int64_t j = 0; j < width; ++j) out[i * width + j] *= shrink;
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void probabilities_rows(
    int64_t rows, int64_t n, int64_t stride, float* scores, const float* logsum) {
  for (int64_t i = 0; i < rows; ++i) {
    float* __restrict row = scores + i * stride;
    const float least = logsum[i];
    if (least == kMinusInfinity) {
      for (int64_t j = 0; j < n; ++j) row[j] = 0.0f;
    } else {
      for (int64_t j = 0; j < n; ++j) row[j] = exp_nonpositive(row[j] - least);
    }
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void softmax_grad_rows(
    int64_t rows, int64_t n, int64_t stride, float* __restrict grad,
    const float* __restrict probabilities, const float* __restrict dot) {
  for (int64_t i = 0; i < rows; ++i) {
    const float mean = dot[i];
    for (int64_t j = 0; j < n; ++j)
      grad[i * stride + j] = probabilities[i * stride + j] * (grad[i * stride + j] - mean);
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] float dot_row(
    const float* __restrict x, const float* __restrict y, int64_t n) {
  return dot(x, y, n);
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void dot_rows(
    const float* q, const void* x, bool bf16, int64_t x_row, int64_t rows, int64_t width,
    float* dots) {
  const auto* half = static_cast<const Bf16*>(x);
  const auto* whole = static_cast<const float*>(x);
  for (int64_t i = 0; i < rows; ++i) {
    dots[i] = bf16 ? dot(q, half + i * x_row, width) : dot(q, whole + i * x_row, width);
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void weigh_rows(
    const float* weights, const void* x, bool bf16, int64_t x_row, int64_t rows, int64_t width,
    float* out) {
  const auto* half = static_cast<const Bf16*>(x);
  const auto* whole = static_cast<const float*>(x);
  for (int64_t j = 0; j < width; ++j) out[j] = 0.0f;
  for (int64_t i = 0; i < rows; ++i) {
    if (bf16) {
      add_weighted(weights[i], half + i * x_row, width, out);
    } else {
      add_weighted(weights[i], whole + i * x_row, width, out);
    }
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void drop_row(
    float* __restrict x, const uint32_t* __restrict draws, uint32_t threshold, float scale,
    int64_t n) {
  for (int64_t j = 0; j < n; ++j) x[j] = draws[j] < threshold ? 0.0f : x[j] * scale;
}

}  // namespace strata::kernels::blocks
