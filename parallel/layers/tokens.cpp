#include "parallel/layers/tokens.h"

#include <ATen/ops/empty.h>

#include <vector>

#include "base/error.h"

namespace strata::parallel {
namespace {

bool cut(const Communicator& axis, const Pass& pass) { return pass.sequence && axis.size() > 1; }

std::vector<int64_t> with_rows(const at::Tensor& x, int64_t rows) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape[0] = rows;
  return shape;
}

int64_t share_of_rows(const Communicator& axis, const at::Tensor& x) {
  base::ensure(x.size(0) % axis.size() == 0, "sequence parallelism: tokens must divide by ranks");
  return x.size(0) / axis.size();
}

}  // namespace

Pending gather_tokens(Communicator& axis, const at::Tensor& x_nd, const Pass& pass) {
  if (!cut(axis, pass)) return Pending(x_nd);
  at::Tensor all_nd = at::empty(with_rows(x_nd, x_nd.size(0) * axis.size()), x_nd.options());
  WorkPtr work = axis.all_gather(all_nd, x_nd.contiguous());
  return {all_nd, std::move(work)};
}

Pending sum_tokens(Communicator& axis, at::Tensor x_nd, const Pass& pass) {
  if (axis.size() == 1) return Pending(x_nd);
  x_nd = x_nd.contiguous();
  if (!cut(axis, pass)) {
    WorkPtr work = axis.all_reduce(x_nd);
    return {x_nd, std::move(work)};
  }
  at::Tensor own_nd = at::empty(with_rows(x_nd, share_of_rows(axis, x_nd)), x_nd.options());
  WorkPtr work = axis.reduce_scatter(own_nd, x_nd);
  return {own_nd, std::move(work)};
}

at::Tensor own_tokens(const Communicator& axis, const at::Tensor& x, const Pass& pass) {
  if (!cut(axis, pass)) return x;
  const int64_t rows = share_of_rows(axis, x);
  return x.narrow(0, axis.rank() * rows, rows);
}

}  // namespace strata::parallel
