// The update of AdamW on the GPU: a thread for each element, with the roundings of the CPU's.
#include "kernels/device.cuh"
#include "kernels/flat_raw.h"

namespace strata::kernels::cuda {
namespace {

__global__ void adamw_elements(AdamwRaw p) {
  const int64_t i = int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (i >= p.count) return;
  const AdamwNumbers& n = p.numbers;
  const bool from_mean = n.new_mean < 0.5f;
  const float weight = from_mean ? n.new_mean : n.new_mean - 1;
  // Products and sums are rounded one by one, but where the CPU's code says fma.
  const float g = __fmul_rn(p.grad[i], n.grad_scale), old_mean = p.exp_avg[i];
  const float mean = __fmaf_rn(weight, __fsub_rn(g, old_mean), from_mean ? old_mean : g);
  const float square =
      __fmaf_rn(__fmul_rn(n.new_square, g), g, __fmul_rn(p.exp_avg_sq[i], n.beta2));
  const float denominator = __fadd_rn(__fdiv_rn(__fsqrt_rn(square), n.root_correction), n.eps);
  const float change = __fdiv_rn(__fmul_rn(n.minus_step, mean), denominator);
  const float value = __fadd_rn(__fmul_rn(p.value[i], n.keep), change);
  p.exp_avg[i] = mean;
  p.exp_avg_sq[i] = square;
  p.value[i] = value;
  if (p.rounded) store(static_cast<Bf16*>(p.rounded) + i, value);
}

}  // namespace

void adamw(const AdamwRaw& adamw) {
  if (adamw.count == 0) return;
  adamw_elements<<<blocks_for(adamw.count), kBlock, 0, stream()>>>(adamw);
  check_launch("adamw");
}

}  // namespace strata::kernels::cuda
