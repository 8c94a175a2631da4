#include "kernels/activation.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "kernels/raw.h"
#include "kernels/raw_tensors.h"

namespace strata::kernels {
namespace {

at::Tensor run_gelu(const at::Tensor& x, const at::Tensor& grad, Gelu kind) {
  base::ensure(x.is_contiguous() && (!grad.defined() || grad.is_contiguous()),
               "gelu takes contiguous tensors");
  at::Tensor result = at::empty_like(x);
  on_device_of(
      x,
      GeluRaw{is_bf16(x), kind == Gelu::kTanh, x.numel(), source(x), source(grad), target(result)},
      cpu::gelu, cuda::gelu);
  return result;
}

at::Tensor run_swiglu(const at::Tensor& gate_up, const at::Tensor& grad) {
  base::ensure(gate_up.is_contiguous() && (!grad.defined() || grad.is_contiguous()),
               "swiglu takes contiguous tensors");
  const int64_t rows = gate_up.size(0), width = gate_up.size(1) / 2;
  at::Tensor result =
      grad.defined() ? at::empty_like(gate_up) : at::empty({rows, width}, gate_up.options());
  on_device_of(
      gate_up,
      SwigluRaw{is_bf16(gate_up), rows, width, source(gate_up), source(grad), target(result)},
      cpu::swiglu, cuda::swiglu);
  return result;
}

}  // namespace

at::Tensor swiglu_forward(const at::Tensor& gate_up_nf) { return run_swiglu(gate_up_nf, {}); }

at::Tensor swiglu_backward(const at::Tensor& grad_nf, const at::Tensor& gate_up_nf) {
  return run_swiglu(gate_up_nf, grad_nf);
}

at::Tensor gelu_forward(const at::Tensor& x_nf, Gelu kind) { return run_gelu(x_nf, {}, kind); }

at::Tensor gelu_backward(const at::Tensor& grad_nf, const at::Tensor& x_nf, Gelu kind) {
  return run_gelu(x_nf, grad_nf, kind);
}

}  // namespace strata::kernels
