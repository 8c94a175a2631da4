#include "parallel/layers/pass.h"

#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>

#include "base/random.h"

namespace strata::parallel {

at::Tensor token_numbers(const at::Tensor& sample_b, const at::Tensor& index_t) {
  constexpr int64_t kLongestSequence = int64_t{1} << 24;
  return sample_b.mul(kLongestSequence).unsqueeze(1).add(index_t.unsqueeze(0)).flatten();
}

namespace {

/// Of everything of one kind that is drawn in a step.
uint64_t step_key(const DropoutKey& draws, std::string_view kind) {
  return base::stream_key(draws.seed, kind) +
         0x9e3779b97f4a7c15 * static_cast<uint64_t>(draws.step);
}

}  // namespace

kernels::DropoutMask dropout_mask(const Pass& pass, double p, std::string_view site) {
  return {p, base::stream_key(step_key(pass.dropout, "dropout"), site), pass.dropout.token_n, 0};
}

kernels::UniformNoise embedding_noise(const Pass& pass) {
  return {step_key(pass.dropout, "embedding_noise"), pass.dropout.token_n, pass.dropout.noise_n};
}

}  // namespace strata::parallel
