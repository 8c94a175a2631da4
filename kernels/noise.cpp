#include "kernels/noise.h"

#include <ATen/ops/empty_like.h>

#include "kernels/raw.h"
#include "kernels/raw_tensors.h"

namespace strata::kernels {

at::Tensor add_noise(const at::Tensor& x_nd, const UniformNoise& noise) {
  base::ensure(x_nd.is_contiguous(), "add_noise takes contiguous rows");
  base::ensure(noise.token_n.scalar_type() == at::kLong && noise.token_n.is_contiguous() &&
                   noise.token_n.numel() == x_nd.size(0),
               "noise: one int64 token number per row");
  base::ensure(noise.bound_n.scalar_type() == at::kFloat && noise.bound_n.is_contiguous() &&
                   noise.bound_n.numel() == x_nd.size(0),
               "noise: one fp32 bound per row");
  at::Tensor result_nd = at::empty_like(x_nd);
  const NoiseRaw raw{is_bf16(x_nd),
                     x_nd.size(0),
                     x_nd.size(1),
                     noise.key,
                     source<int64_t>(noise.token_n),
                     source<float>(noise.bound_n),
                     source(x_nd),
                     target(result_nd)};
  on_device_of(x_nd, raw, cpu::noise, cuda::noise);
  return result_nd;
}

}  // namespace strata::kernels
