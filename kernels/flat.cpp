#include "kernels/flat.h"

#include <ATen/ops/empty.h>

#include <numeric>

#include "base/error.h"
#include "kernels/flat_raw.h"
#include "kernels/raw_tensors.h"

namespace strata::kernels {

void accumulate(at::Tensor& sum, const at::Tensor& x, bool overwrite) {
  base::ensure(sum.numel() == x.numel(), "accumulate: the sizes differ");
  const at::Tensor addend = x.contiguous();
  const AccumulateRaw raw{is_bf16(addend), overwrite, sum.numel(), target<float>(sum),
                          source(addend)};
  on_device_of(sum, raw, &cpu::accumulate, &cuda::accumulate);
}

void add_rows(at::Tensor& table_vd, const at::Tensor& grad_nd, const at::Tensor& ids_n) {
  const int64_t n = ids_n.numel(), width = table_vd.size(1);
  base::ensure(grad_nd.numel() == n * width, "add_rows: one row of gradient per id was expected");
  const at::Tensor addend = grad_nd.contiguous();
  const AddRowsRaw raw{is_bf16(addend),       n, width, target<float>(table_vd), source(addend),
                       source<int64_t>(ids_n)};
  on_device_of(table_vd, raw, &cpu::add_rows, &cuda::add_rows);
}

double sum_of_squares(const at::Tensor& x) {
  // Sums of fixed pieces, added in order: the same bits for any number of threads.
  constexpr int64_t kPiece = 16 * 1024;
  const int64_t pieces = (x.numel() + kPiece - 1) / kPiece;
  const at::Tensor sums = at::empty({pieces}, x.options().dtype(at::kDouble));
  const SquaresRaw raw{x.numel(), kPiece, source<float>(x), target<double>(sums)};
  on_device_of(x, raw, &cpu::square_sums, &cuda::square_sums);
  const at::Tensor host = sums.to(at::kCPU);
  const auto* first = source<double>(host);
  return std::accumulate(first, first + pieces, 0.0);
}

}  // namespace strata::kernels
