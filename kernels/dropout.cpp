#include "kernels/dropout.h"

#include <ATen/ops/empty_like.h>

#include <cmath>

#include "kernels/raw.h"
#include "kernels/raw_tensors.h"

namespace strata::kernels {

at::Tensor dropout_add(const at::Tensor& x_nd, const at::Tensor& residual_nd,
                       const DropoutMask& mask) {
  base::ensure(mask.p >= 0 && mask.p < 1, "a dropout probability lies in [0, 1)");
  base::ensure(x_nd.is_contiguous() && (!residual_nd.defined() || residual_nd.is_contiguous()),
               "dropout_add takes contiguous rows");
  base::ensure(mask.token_n.scalar_type() == at::kLong && mask.token_n.is_contiguous() &&
                   mask.token_n.numel() == x_nd.size(0),
               "dropout: one int64 token number per row");
  at::Tensor result_nd = at::empty_like(x_nd);
  const DropoutRaw raw{is_bf16(x_nd),
                       x_nd.size(0),
                       x_nd.size(1),
                       mask.first_feature,
                       mask.key,
                       dropout_threshold(mask.p),
                       static_cast<float>(1.0 / (1.0 - mask.p)),
                       source<int64_t>(mask.token_n),
                       source(x_nd),
                       source(residual_nd),
                       target(result_nd)};
  on_device_of(x_nd, raw, cpu::dropout, cuda::dropout);
  return result_nd;
}

uint32_t dropout_threshold(double p) { return static_cast<uint32_t>(std::ldexp(p, 32)); }

}  // namespace strata::kernels
