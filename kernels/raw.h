// The inside of the kernels: loops over raw pointers, one version for the CPU and one for CUDA,
// which kernels/NAME.cpp calls after it has looked at the tensors. No torch header, so that .cu
// files can include it. Element pointers are fp32, or bf16 where `bf16` says so; everything else is
// fp32.
#pragma once

#include <cstdint>

namespace strata::kernels {

struct NormForwardRaw {
  bool bf16, layer;  ///< layer: subtract the mean; else RMS
  int64_t rows, width;
  float eps;
  const void *x, *delta;      ///< delta may be null
  const void *weight, *bias;  ///< bias may be null
  void *residual, *y;         ///< residual is written where there is a delta
  float *mean, *inverse;      ///< mean may be null
};

struct NormBackwardRaw {
  bool bf16, layer;
  int64_t rows, width;
  const void *grad_y, *grad_residual;  ///< grad_residual may be null
  const void *residual, *weight;
  const float *mean, *inverse;
  void* grad_x;
  /// Sums over runs of `chunk_rows` rows, [chunks, width]; null where not wanted.
  int64_t chunk_rows;
  float *weight_sums, *bias_sums;
};

struct RopeRaw {
  bool bf16;
  int64_t rows, row_stride, heads, head_dim;
  void* x;
  const int64_t* positions;
  const float *cos, *sin;  ///< [context, head_dim / 2]
  float direction;         ///< 1 forward, -1 back
};

struct SwigluRaw {
  bool bf16;
  int64_t rows, width;         ///< of the result; gate_up rows are twice as wide
  const void *gate_up, *grad;  ///< grad null: forward
  void* out;
};

struct GeluRaw {
  bool bf16, tanh;
  int64_t count;
  const void *x, *grad;  ///< grad null: forward
  void* out;
};

struct DropoutRaw {
  bool bf16;
  int64_t rows, width, first_feature;
  uint64_t key;
  uint32_t threshold;  ///< a draw below it is dropped
  float scale;
  const int64_t* tokens;
  const void *x, *residual;  ///< residual may be null
  void* out;
};

struct NoiseRaw {
  bool bf16;
  int64_t rows, width;
  uint64_t key;
  const int64_t* tokens;
  const float* bounds;  ///< one per row
  const void* x;
  void* out;
};

struct LogitPartialsRaw {
  bool bf16;
  int64_t rows, columns, first_column;
  float inverse_temperature;
  const void* logits;
  const int64_t* targets;
  float *max, *sum, *target, *weighted;  ///< weighted may be null
};

struct LogitGradientRaw {
  bool bf16;
  int64_t rows, columns, first_column;
  float inverse_temperature;
  void* logits;
  const int64_t* targets;
  const float *logsum, *grad;
};

namespace cpu {
void norm_forward(const NormForwardRaw& norm);
void norm_backward(const NormBackwardRaw& norm);
void rope(const RopeRaw& rope);
void swiglu(const SwigluRaw& swiglu);
void gelu(const GeluRaw& gelu);
void dropout(const DropoutRaw& dropout);
void noise(const NoiseRaw& noise);
void logit_partials(const LogitPartialsRaw& partials);
void logit_gradient(const LogitGradientRaw& gradient);
}  // namespace cpu

/// On the current stream of the current GPU: *.cu, or no_cuda.cpp in a program without one.
namespace cuda {
void norm_forward(const NormForwardRaw& norm);
void norm_backward(const NormBackwardRaw& norm);
void rope(const RopeRaw& rope);
void swiglu(const SwigluRaw& swiglu);
void gelu(const GeluRaw& gelu);
void dropout(const DropoutRaw& dropout);
void noise(const NoiseRaw& noise);
void logit_partials(const LogitPartialsRaw& partials);
void logit_gradient(const LogitGradientRaw& gradient);
}  // namespace cuda

}  // namespace strata::kernels
