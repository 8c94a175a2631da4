// The inside of adamw.h and flat.h, for the CPU and for CUDA, as raw.h has it for the other
// kernels: plain pointers, no torch header.
#pragma once

#include <cstdint>

namespace strata::kernels {

/// The numbers of an update as its loop needs them: computed in double, as PyTorch does, then
/// rounded.
struct AdamwNumbers {
  float grad_scale, keep, new_mean, beta2, new_square, root_correction, eps, minus_step;
};

struct AdamwRaw {
  AdamwNumbers numbers;
  int64_t count;
  float* value;
  const float* grad;
  float *exp_avg, *exp_avg_sq;
  void* rounded;  ///< bf16; may be null
};

struct AccumulateRaw {
  bool bf16, overwrite;  ///< bf16: of x
  int64_t count;
  float* sum;
  const void* x;
};

struct AddRowsRaw {
  bool bf16;  ///< of grad
  int64_t n, width;
  float* table;
  const void* grad;
  const int64_t* ids;
};

struct SquaresRaw {
  int64_t count, piece;  ///< sums of runs of `piece` elements
  const float* x;
  double* sums;
};

namespace cpu {
void adamw(const AdamwRaw& adamw);
void accumulate(const AccumulateRaw& raw);
void add_rows(const AddRowsRaw& raw);
void square_sums(const SquaresRaw& raw);
}  // namespace cpu

/// On the current stream of the current GPU: *.cu, or no_cuda_flat.cpp in a program without one.
namespace cuda {
void adamw(const AdamwRaw& adamw);
void accumulate(const AccumulateRaw& raw);
void add_rows(const AddRowsRaw& raw);
void square_sums(const SquaresRaw& raw);
}  // namespace cuda

}  // namespace strata::kernels
