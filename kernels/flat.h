// Arithmetic on flat fp32 gradients: adding another tensor of any float type, adding the rows of an
// embedding's gradient, the sum of squares. Results do not depend on the number of threads.
// Plain functions on tensors: they know no rank, no parameter and no bucket.
#pragma once

#include <ATen/core/Tensor.h>

namespace strata::kernels {

/// sum = x (overwrite) or sum += x, in fp32. `sum` is fp32, contiguous; x any float type and as
/// large.
void accumulate(at::Tensor& sum, const at::Tensor& x, bool overwrite);

/// table_vd[ids_n[i]] += grad_nd[i] for every i in order; a negative id is skipped. table_vd fp32
/// [rows, width], grad_nd [n, width] fp32 or bf16, ids_n int64 [n]; all contiguous.
void add_rows(at::Tensor& table_vd, const at::Tensor& grad_nd, const at::Tensor& ids_n);

/// The sum of the squares of an fp32 contiguous tensor, in double: it cannot overflow, so it is
/// finite exactly where all elements are.
double sum_of_squares(const at::Tensor& x);

}  // namespace strata::kernels
