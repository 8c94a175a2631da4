#include "kernels/attention.h"

#include <ATen/ops/empty.h>

#include "base/error.h"
#include "kernels/attention_cpu.h"
#include "kernels/attention_cuda.h"

namespace strata::kernels {
namespace {

void check_heads(const QueryKeyValue& in) {
  for (const at::Tensor* x : {&in.q_bthd, &in.k_btkd, &in.v_btkd}) {
    base::ensure(x->dim() == 4 && x->stride(3) == 1,
                 "attention takes [b, t, heads, d], dense in d");
    base::ensure(x->scalar_type() == in.q_bthd.scalar_type(), "attention takes one dtype");
  }
  base::ensure(in.q_bthd.size(2) % in.k_btkd.size(2) == 0,
               "query heads are a multiple of the key heads");
}

}  // namespace

uint64_t attention_dropout_key(const AttentionDropout& dropout, int64_t head) {
  const auto number = static_cast<uint64_t>(dropout.first_head + head + 1);
  return dropout.key + 0x9e3779b97f4a7c15 * number;  // an odd number: no two heads meet
}

AttentionForward attention_forward(const QueryKeyValue& in, const AttentionOptions& options) {
  check_heads(in);
  const at::Tensor& q = in.q_bthd;
  AttentionForward result;
  result.out_bthd = at::empty({q.size(0), q.size(1), q.size(2), q.size(3)}, q.options());
  result.logsum_bht = at::empty({q.size(0), q.size(2), q.size(1)}, q.options().dtype(at::kFloat));
  (q.is_cuda() ? cuda::attention_forward : cpu::attention_forward)(in, options, result);
  return result;
}

void attention_backward(const at::Tensor& grad_out_bthd, const QueryKeyValue& in,
                        const AttentionForward& forward, const AttentionOptions& options,
                        QueryKeyValue& grads) {
  check_heads(in);
  check_heads(grads);
  (in.q_bthd.is_cuda() ? cuda::attention_backward : cpu::attention_backward)(
      grad_out_bthd, in, forward, options, grads);
}

at::Tensor attention_cached(const at::Tensor& q_bthd, const at::Tensor& k_bskd,
                            const at::Tensor& v_bskd, const at::Tensor& start_b, double scale,
                            int64_t window) {
  return (q_bthd.is_cuda() ? cuda::attention_cached : cpu::attention_cached)(
      q_bthd, k_bskd, v_bskd, start_b, scale, window);
}

}  // namespace strata::kernels
