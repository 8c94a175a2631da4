// The loops of the cross-entropy on the CPU: a row of logits stays in the second cache between
// passes.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/raw.h"
#include "kernels/threads.h"
#include "kernels/vector_math.h"

namespace strata::kernels {
namespace {

constexpr int64_t kLogitGrain = 8 * 1024;  // elements worth a thread

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] float max_of(
    const T* __restrict x, int64_t count) {
  float best = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : best)
  for (int64_t i = 0; i < count; ++i) best = load(x[i]) > best ? load(x[i]) : best;
  return best;
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] float sum_exp(
    const T* __restrict x, float scale, float max, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += exp_nonpositive(load(x[i]) * scale - max);
  return sum;
}

template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] float sum_weighted_exp(
    const T* __restrict x, float scale, float max, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) {
    const float z = load(x[i]) * scale - max;
    sum += z < -80.0f ? 0.0f : exp_nonpositive(z) * z;  // and not 0 times infinity
  }
  return sum;
}

/// x <- coefficient * exp(x * scale - logsum)
template <class T>
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void to_scaled_probabilities(
    T* __restrict x, float scale, float logsum, float coefficient, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    x[i] = rounded<T>(coefficient * exp_nonpositive(load(x[i]) * scale - logsum));
}

template <class T>
void partials_of_row(const LogitPartialsRaw& raw, int64_t row) {
  const int64_t token = raw.targets[row];
  raw.max[row] = raw.target[row] = 0.0f;
  raw.sum[row] = 1.0f;
  if (token < 0 && !raw.weighted) return;
  const T* x = static_cast<const T*>(raw.logits) + row * raw.columns;
  const float scale = raw.inverse_temperature, max = max_of(x, raw.columns) * scale;
  raw.max[row] = max;
  raw.sum[row] = sum_exp(x, scale, max, raw.columns);
  if (raw.weighted) raw.weighted[row] = sum_weighted_exp(x, scale, max, raw.columns);
  const int64_t column = token - raw.first_column;
  if (token >= 0 && column >= 0 && column < raw.columns) raw.target[row] = load(x[column]) * scale;
}

template <class T>
void gradient_of_row(const LogitGradientRaw& raw, int64_t row) {
  T* x = static_cast<T*>(raw.logits) + row * raw.columns;
  const int64_t token = raw.targets[row], column = token - raw.first_column;
  const float coefficient = raw.grad[row] * raw.inverse_temperature;
  if (token < 0 || coefficient == 0.0f) {
    std::fill_n(x, raw.columns, T{});
    return;
  }
  const bool here = column >= 0 && column < raw.columns;
  const float target =
      here ? exp_nonpositive(load(x[column]) * raw.inverse_temperature - raw.logsum[row]) : 0.0f;
  to_scaled_probabilities(x, raw.inverse_temperature, raw.logsum[row], -coefficient, raw.columns);
  if (here) x[column] = rounded<T>(coefficient * (1.0f - target));
}

}  // namespace

void cpu::logit_partials(const LogitPartialsRaw& raw) {
  with_element_type(raw.bf16, [&](auto element) {
    parallel_for(0, raw.rows, kLogitGrain / (raw.columns + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) partials_of_row<decltype(element)>(raw, row);
    });
  });
}

void cpu::logit_gradient(const LogitGradientRaw& raw) {
  with_element_type(raw.bf16, [&](auto element) {
    parallel_for(0, raw.rows, kLogitGrain / (raw.columns + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) gradient_of_row<decltype(element)>(raw, row);
    });
  });
}

}  // namespace strata::kernels
