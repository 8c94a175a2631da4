// One AdamW update of a flat piece of parameters, fused: a single pass over value, gradient and
// state, with the gradient's clipping and the rounded copy for the forward pass in it.
// Plain functions on tensors: they know no rank, no parameter and no schedule.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace strata::kernels {

struct AdamwStep {
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;
  double grad_scale = 1;  ///< the gradient is multiplied by it first (clipping)
  int64_t t = 1;          ///< number of this update, from 1: corrects the bias of the means
};

/// All tensors are contiguous, one-dimensional, of equal size and on one device; `value`, `grad`,
/// `exp_avg` and `exp_avg_sq` are fp32. `rounded_value`, where defined, is bf16 and receives the
/// new value rounded to nearest even. The formula is torch.optim.AdamW's (Loshchilov and Hutter,
/// "Decoupled weight decay regularization", 2019; eps after bias correction). An element's bits
/// depend on that element alone.
void adamw(const AdamwStep& step, at::Tensor& value, const at::Tensor& grad, at::Tensor& exp_avg,
           at::Tensor& exp_avg_sq, at::Tensor& rounded_value);

}  // namespace strata::kernels
