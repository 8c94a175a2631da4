// Matrix products in the dtype of their operands, summed in fp32. On a processor without bf16 units
// LibTorch's bf16 product is up to a hundred times slower than its fp32 one; there bf16 operands
// are widened piece by piece, and the result is rounded once.
#pragma once

#include <ATen/core/Tensor.h>

namespace strata::kernels {

/// Whether this processor has bf16 units.
bool cpu_multiplies_bf16();

/// a_mk b_kn -> [m, n] in the dtype of a. Operands may be transposed views, as for at::mm.
at::Tensor matmul(const at::Tensor& a_mk, const at::Tensor& b_kn);

/// y_nf = x_nd W_fd^T (+ bias_f), rounded once. bias_f may be undefined.
at::Tensor linear(const at::Tensor& x_nd, const at::Tensor& weight_fd, const at::Tensor& bias_f);

/// out_mn += a_mk b_kn, or out_mn = a_mk b_kn (overwrite), out fp32. bf16 operands: the product is
/// not rounded on the way (where the processor has bf16 units: rounded once).
void matmul_add_(at::Tensor& out_mn, const at::Tensor& a_mk, const at::Tensor& b_kn,
                 bool overwrite = false);

}  // namespace strata::kernels
