// The cross-entropy on the GPU: a block for each row of logits.
#include "kernels/device.cuh"
#include "kernels/raw.h"

namespace strata::kernels::cuda {
namespace {

template <class T>
__global__ void partials_of_rows(LogitPartialsRaw raw) {
  const int64_t row = blockIdx.x, token = raw.targets[row];
  const bool ignored = token < 0;
  if (ignored && !raw.weighted) {
    if (threadIdx.x == 0) {
      raw.max[row] = raw.target[row] = 0.0f;
      raw.sum[row] = 1.0f;
    }
    return;
  }
  const T* x = static_cast<const T*>(raw.logits) + row * raw.columns;
  float best = -INFINITY;
  for (int64_t i = threadIdx.x; i < raw.columns; i += kBlock) best = fmaxf(best, load(x[i]));
  best = reduce_block(best, Max{}, -INFINITY) * raw.inverse_temperature;
  float sum = 0, weighted = 0;
  for (int64_t i = threadIdx.x; i < raw.columns; i += kBlock) {
    const float z = load(x[i]) * raw.inverse_temperature - best, e = expf(z);
    sum += e;
    weighted += z < -80.0f ? 0.0f : e * z;  // and not 0 times infinity
  }
  sum = reduce_block(sum, Sum{}, 0.0f);
  weighted = reduce_block(weighted, Sum{}, 0.0f);
  if (threadIdx.x != 0) return;
  const int64_t column = token - raw.first_column;
  const bool here = !ignored && column >= 0 && column < raw.columns;
  raw.max[row] = best;
  raw.sum[row] = sum;
  raw.target[row] = here ? load(x[column]) * raw.inverse_temperature : 0.0f;
  if (raw.weighted) raw.weighted[row] = weighted;
}

template <class T>
__global__ void gradient_of_rows(LogitGradientRaw raw) {
  const int64_t row = blockIdx.x, token = raw.targets[row], column = token - raw.first_column;
  T* x = static_cast<T*>(raw.logits) + row * raw.columns;
  const float coefficient = token < 0 ? 0.0f : raw.grad[row] * raw.inverse_temperature;
  for (int64_t i = threadIdx.x; i < raw.columns; i += kBlock) {
    float grad = 0.0f;
    if (coefficient != 0.0f) {
      const float p = expf(load(x[i]) * raw.inverse_temperature - raw.logsum[row]);
      grad = coefficient * ((i == column ? 1.0f : 0.0f) - p);
    }
    store(x + i, grad);
  }
}

}  // namespace

void logit_partials(const LogitPartialsRaw& raw) {
  if (raw.rows == 0) return;
  with_element_type(raw.bf16, [&](auto element) {
    partials_of_rows<decltype(element)>
        <<<static_cast<unsigned>(raw.rows), kBlock, 0, stream()>>>(raw);
  });
  check_launch("logit_partials");
}

void logit_gradient(const LogitGradientRaw& raw) {
  if (raw.rows == 0) return;
  with_element_type(raw.bf16, [&](auto element) {
    gradient_of_rows<decltype(element)>
        <<<static_cast<unsigned>(raw.rows), kBlock, 0, stream()>>>(raw);
  });
  check_launch("logit_gradient");
}

}  // namespace strata::kernels::cuda
