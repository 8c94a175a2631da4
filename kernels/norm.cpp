#include "kernels/norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/sum.h>

#include <algorithm>

#include "kernels/raw.h"
#include "kernels/raw_tensors.h"

namespace strata::kernels {
namespace {

/// Weight gradients are summed in this many runs of rows, then over the runs, however many threads.
constexpr int64_t kRuns = 64, kShortestRun = 16;

}  // namespace

NormForward norm_forward(NormKind kind, const at::Tensor& x_nd, const at::Tensor& delta_nd,
                         const at::Tensor& weight_d, const at::Tensor& bias_d, double eps) {
  const int64_t rows = x_nd.size(0), width = x_nd.size(1);
  const auto floats = x_nd.options().dtype(at::kFloat);
  base::ensure(x_nd.is_contiguous() && (!delta_nd.defined() || delta_nd.is_contiguous()),
               "norm_forward takes contiguous rows");
  base::ensure(weight_d.scalar_type() == x_nd.scalar_type() && weight_d.numel() == width,
               "a norm's weight has the width and the dtype of its rows");
  const bool layer = kind == NormKind::kLayer;
  NormForward result;
  result.residual_nd = delta_nd.defined() ? at::empty_like(x_nd) : x_nd;
  result.y_nd = at::empty_like(x_nd);
  result.inverse_n = at::empty({rows}, floats);
  if (layer) result.mean_n = at::empty({rows}, floats);
  on_device_of(x_nd,
               NormForwardRaw{is_bf16(x_nd), layer, rows, width, static_cast<float>(eps),
                              source(x_nd), source(delta_nd), source(weight_d), source(bias_d),
                              target(result.residual_nd), target(result.y_nd),
                              target<float>(result.mean_n), target<float>(result.inverse_n)},
               cpu::norm_forward, cuda::norm_forward);
  return result;
}

NormBackward norm_backward(NormKind kind, const at::Tensor& grad_y_nd,
                           const at::Tensor& grad_residual_nd, const NormForward& forward,
                           const at::Tensor& weight_d, bool weight_gradients) {
  const at::Tensor& residual_nd = forward.residual_nd;
  const int64_t rows = residual_nd.size(0), width = residual_nd.size(1);
  const int64_t chunk_rows = std::max(kShortestRun, (rows + kRuns - 1) / kRuns);
  const int64_t chunks = (rows + chunk_rows - 1) / chunk_rows;
  const bool layer = kind == NormKind::kLayer;
  base::ensure(grad_y_nd.is_contiguous() &&
                   (!grad_residual_nd.defined() || grad_residual_nd.is_contiguous()),
               "norm_backward takes contiguous gradients");
  NormBackward result;
  result.grad_residual_nd = at::empty_like(residual_nd);
  at::Tensor weight_sums_cd, bias_sums_cd;
  const auto floats = residual_nd.options().dtype(at::kFloat);
  if (weight_gradients) {
    weight_sums_cd = at::empty({chunks, width}, floats);
    if (layer) bias_sums_cd = at::empty({chunks, width}, floats);
  }
  on_device_of(residual_nd,
               NormBackwardRaw{is_bf16(residual_nd), layer, rows, width, source(grad_y_nd),
                               source(grad_residual_nd), source(residual_nd), source(weight_d),
                               source<float>(forward.mean_n), source<float>(forward.inverse_n),
                               target(result.grad_residual_nd), chunk_rows,
                               target<float>(weight_sums_cd), target<float>(bias_sums_cd)},
               cpu::norm_backward, cuda::norm_backward);
  if (weight_gradients) {
    result.grad_weight_d = weight_sums_cd.sum(0);
    if (layer) result.grad_bias_d = bias_sums_cd.sum(0);
  }
  return result;
}

}  // namespace strata::kernels
