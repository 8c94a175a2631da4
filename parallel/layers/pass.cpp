#include "parallel/layers/pass.h"

#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>

#include "base/random.h"

namespace strata::parallel {

at::Tensor token_numbers(const at::Tensor& sample_b, const at::Tensor& index_t) {
  constexpr int64_t kLongestSequence = int64_t{1} << 24;
  return sample_b.mul(kLongestSequence).unsqueeze(1).add(index_t.unsqueeze(0)).flatten();
}

kernels::DropoutMask dropout_mask(const Pass& pass, double p, std::string_view site) {
  const uint64_t step_key = base::stream_key(pass.dropout.seed, "dropout") +
                            0x9e3779b97f4a7c15 * static_cast<uint64_t>(pass.dropout.step);
  return {p, base::stream_key(step_key, site), pass.dropout.token_n, 0};
}

}  // namespace strata::parallel
