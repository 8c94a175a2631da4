#include "kernels/matmul.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "kernels/flat.h"

namespace strata::kernels {
namespace {

constexpr int64_t kWidened = 4 << 20;  // elements of an operand that are widened at a time (16 MiB)

bool multiplies_natively(const at::Tensor& a) {
  return a.scalar_type() != at::kBFloat16 || !a.is_cpu() || cpu_multiplies_bf16();
}

at::Tensor widened(const at::Tensor& x) { return x.to(at::kFloat); }

/// Calls f(first, count) for runs of a dimension of `size` slices with `slice` elements each.
template <class F>
void in_pieces(int64_t size, int64_t slice, const F& f) {
  const int64_t step = std::clamp<int64_t>(kWidened / std::max<int64_t>(slice, 1), 1, size);
  for (int64_t first = 0; first < size; first += step) f(first, std::min(step, size - first));
}

/// a b in fp32 for bf16 operands with a long inner dimension.
void add_inner_pieces(at::Tensor& out_mn, const at::Tensor& a_mk, const at::Tensor& b_kn) {
  in_pieces(a_mk.size(1), std::max(a_mk.size(0), b_kn.size(1)), [&](int64_t first, int64_t count) {
    out_mn.addmm_(widened(a_mk.narrow(1, first, count)), widened(b_kn.narrow(0, first, count)));
  });
}

at::Tensor product_and_bias(const at::Tensor& a_mk, const at::Tensor& b_kn,
                            const at::Tensor& bias_n) {
  return bias_n.defined() ? at::addmm(bias_n, a_mk, b_kn) : at::mm(a_mk, b_kn);
}

/// a b (+ bias_n, which may be undefined) through fp32, rounded once.
at::Tensor widened_matmul(const at::Tensor& a_mk, const at::Tensor& b_kn,
                          const at::Tensor& bias_n) {
  const int64_t m = a_mk.size(0), k = a_mk.size(1), n = b_kn.size(1);
  const at::Tensor bias = bias_n.defined() ? widened(bias_n) : bias_n;
  if (k > std::max(m, n)) {
    at::Tensor sum_mn = at::zeros({m, n}, a_mk.options().dtype(at::kFloat));
    if (bias.defined()) sum_mn.add_(bias);
    add_inner_pieces(sum_mn, a_mk, b_kn);
    return sum_mn.to(a_mk.scalar_type());
  }
  // Pieces of the longer of the outer dimensions; the other operand is widened once.
  at::Tensor out_mn = at::empty({m, n}, a_mk.options());
  if (n >= m) {
    const at::Tensor a = widened(a_mk);
    in_pieces(n, std::max(m, k), [&](int64_t first, int64_t count) {
      const at::Tensor of_piece = bias.defined() ? bias.narrow(0, first, count) : bias;
      out_mn.narrow(1, first, count)
          .copy_(product_and_bias(a, widened(b_kn.narrow(1, first, count)), of_piece));
    });
  } else {
    const at::Tensor b = widened(b_kn);
    in_pieces(m, std::max(n, k), [&](int64_t first, int64_t count) {
      out_mn.narrow(0, first, count)
          .copy_(product_and_bias(widened(a_mk.narrow(0, first, count)), b, bias));
    });
  }
  return out_mn;
}

}  // namespace

bool cpu_multiplies_bf16() {
  static const bool has_bf16 = __builtin_cpu_supports("avx512bf16");
  return has_bf16;
}

at::Tensor matmul(const at::Tensor& a_mk, const at::Tensor& b_kn) {
  if (multiplies_natively(a_mk)) return at::mm(a_mk, b_kn);
  return widened_matmul(a_mk, b_kn, {});
}

at::Tensor linear(const at::Tensor& x_nd, const at::Tensor& weight_fd, const at::Tensor& bias_f) {
  if (!bias_f.defined()) return matmul(x_nd, weight_fd.t());
  if (multiplies_natively(x_nd)) return at::addmm(bias_f, x_nd, weight_fd.t());
  return widened_matmul(x_nd, weight_fd.t(), bias_f);
}

void matmul_add_(at::Tensor& out_mn, const at::Tensor& a_mk, const at::Tensor& b_kn,
                 bool overwrite) {
  const double kept = overwrite ? 0 : 1;
  if (a_mk.scalar_type() == at::kFloat) {
    out_mn.addmm_(a_mk, b_kn, kept);
  } else if (multiplies_natively(a_mk)) {
    accumulate(out_mn, at::mm(a_mk, b_kn), overwrite);
  } else {
    const at::Tensor b = widened(b_kn);
    in_pieces(a_mk.size(0), std::max(a_mk.size(1), b_kn.size(1)),
              [&](int64_t first, int64_t count) {
                at::Tensor rows = out_mn.narrow(0, first, count);
                rows.addmm_(widened(a_mk.narrow(0, first, count)), b, kept);
              });
  }
}

}  // namespace strata::kernels
