// The norms on the GPU: a block for each row; weight gradients by columns over runs of rows.
#include "kernels/device.cuh"
#include "kernels/raw.h"

namespace strata::kernels::cuda {
namespace {

template <class T>
__global__ void norm_rows(NormForwardRaw norm) {
  const int64_t row = blockIdx.x, at = row * norm.width;
  const T* x = static_cast<const T*>(norm.x) + at;
  const T* delta = norm.delta ? static_cast<const T*>(norm.delta) + at : nullptr;
  T* residual = static_cast<T*>(norm.residual) + at;
  if (delta) {
    for (int64_t i = threadIdx.x; i < norm.width; i += kBlock)
      store(residual + i, load(x[i]) + load(delta[i]));
    x = residual;  // each thread reads what it wrote
  }
  const auto width = static_cast<float>(norm.width);
  float mean = 0;
  if (norm.layer) {
    float sum = 0;
    for (int64_t i = threadIdx.x; i < norm.width; i += kBlock) sum += load(x[i]);
    mean = reduce_block(sum, Sum{}, 0.0f) / width;
  }
  float squares = 0;
  for (int64_t i = threadIdx.x; i < norm.width; i += kBlock) {
    const float centered = load(x[i]) - mean;
    squares += centered * centered;
  }
  const float inverse = 1.0f / sqrtf(reduce_block(squares, Sum{}, 0.0f) / width + norm.eps);
  if (threadIdx.x == 0) {
    if (norm.mean) norm.mean[row] = mean;
    norm.inverse[row] = inverse;
  }
  const T* weight = static_cast<const T*>(norm.weight);
  const T* bias = static_cast<const T*>(norm.bias);
  T* y = static_cast<T*>(norm.y) + at;
  for (int64_t i = threadIdx.x; i < norm.width; i += kBlock) {
    const float scaled = (load(x[i]) - mean) * inverse * load(weight[i]);
    store(y + i, bias ? scaled + load(bias[i]) : scaled);
  }
}

template <class T>
__global__ void grad_rows(NormBackwardRaw norm) {
  const int64_t row = blockIdx.x, at = row * norm.width;
  const T* grad_y = static_cast<const T*>(norm.grad_y) + at;
  const T* x = static_cast<const T*>(norm.residual) + at;
  const T* weight = static_cast<const T*>(norm.weight);
  const T* extra = norm.grad_residual ? static_cast<const T*>(norm.grad_residual) + at : nullptr;
  const float mean = norm.layer ? norm.mean[row] : 0.0f, inverse = norm.inverse[row];
  const auto width = static_cast<float>(norm.width);
  float grads = 0, grads_times_n = 0;
  for (int64_t i = threadIdx.x; i < norm.width; i += kBlock) {
    const float grad = load(grad_y[i]) * load(weight[i]);
    grads += grad;
    grads_times_n += grad * (load(x[i]) - mean) * inverse;
  }
  const float mean_grad = norm.layer ? reduce_block(grads, Sum{}, 0.0f) / width : 0.0f;
  const float mean_grad_times_n = reduce_block(grads_times_n, Sum{}, 0.0f) / width;
  T* grad_x = static_cast<T*>(norm.grad_x) + at;
  for (int64_t i = threadIdx.x; i < norm.width; i += kBlock) {
    const float n = (load(x[i]) - mean) * inverse;
    const float own =
        inverse * (load(grad_y[i]) * load(weight[i]) - mean_grad - n * mean_grad_times_n);
    store(grad_x + i, extra ? own + load(extra[i]) : own);
  }
}

/// A thread for each column, a block's y for each run of rows.
template <class T>
__global__ void weight_sums(NormBackwardRaw norm) {
  const int64_t column = int64_t{blockIdx.x} * kBlock + threadIdx.x, chunk = blockIdx.y;
  if (column >= norm.width) return;
  const int64_t begin = chunk * norm.chunk_rows, end = min(begin + norm.chunk_rows, norm.rows);
  float weight_sum = 0, bias_sum = 0;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * norm.width + column;
    const float grad = load(static_cast<const T*>(norm.grad_y)[at]);
    const float mean = norm.layer ? norm.mean[row] : 0.0f;
    weight_sum +=
        grad * (load(static_cast<const T*>(norm.residual)[at]) - mean) * norm.inverse[row];
    bias_sum += grad;
  }
  norm.weight_sums[chunk * norm.width + column] = weight_sum;
  if (norm.bias_sums) norm.bias_sums[chunk * norm.width + column] = bias_sum;
}

}  // namespace

void norm_forward(const NormForwardRaw& norm) {
  if (norm.rows == 0) return;
  with_element_type(norm.bf16, [&](auto element) {
    norm_rows<decltype(element)><<<static_cast<unsigned>(norm.rows), kBlock, 0, stream()>>>(norm);
  });
  check_launch("norm_forward");
}

void norm_backward(const NormBackwardRaw& norm) {
  if (norm.rows == 0) return;
  const auto chunks = static_cast<unsigned>((norm.rows + norm.chunk_rows - 1) / norm.chunk_rows);
  with_element_type(norm.bf16, [&](auto element) {
    using T = decltype(element);
    grad_rows<T><<<static_cast<unsigned>(norm.rows), kBlock, 0, stream()>>>(norm);
    if (norm.weight_sums)
      weight_sums<T><<<dim3(blocks_for(norm.width), chunks), kBlock, 0, stream()>>>(norm);
  });
  check_launch("norm_backward");
}

}  // namespace strata::kernels::cuda
