#include "trainer/rl/losses.h"

#include <ATen/ops/add.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/square.h>
#include <ATen/ops/sub.h>

namespace strata::trainer {
namespace {

constexpr double kLargestExponent = 20;

}  // namespace

PolicyLoss clipped_policy_loss(const at::Tensor& logprobs_bt, const at::Tensor& old_logprobs_bt,
                               const at::Tensor& advantages_bt, double clip) {
  const at::Tensor log_ratio_bt = at::sub(logprobs_bt, old_logprobs_bt);
  const at::Tensor ratio_bt = at::exp(at::clamp(log_ratio_bt, -kLargestExponent, kLargestExponent));
  const at::Tensor gain_bt = at::neg(advantages_bt);
  const at::Tensor plain_bt = at::mul(gain_bt, ratio_bt);
  const at::Tensor clipped_bt = at::mul(gain_bt, at::clamp(ratio_bt, 1 - clip, 1 + clip));
  return {at::maximum(plain_bt, clipped_bt), ratio_bt.detach(), log_ratio_bt.detach(),
          at::gt(clipped_bt, plain_bt).to(at::kFloat)};
}

ValueLoss clipped_value_loss(const at::Tensor& values_bt, const at::Tensor& old_values_bt,
                             const at::Tensor& returns_bt, double clip) {
  const at::Tensor near_bt =
      at::add(old_values_bt, at::clamp(at::sub(values_bt, old_values_bt), -clip, clip));
  const at::Tensor plain_bt = at::square(at::sub(values_bt, returns_bt));
  const at::Tensor clipped_bt = at::square(at::sub(near_bt, returns_bt));
  return {at::maximum(plain_bt, clipped_bt).mul(0.5), at::gt(clipped_bt, plain_bt).to(at::kFloat)};
}

at::Tensor k3_divergence(const at::Tensor& logprobs_bt, const at::Tensor& reference_bt) {
  const at::Tensor d_bt = at::sub(logprobs_bt, reference_bt);
  return at::exp(at::neg(d_bt)).sub(1).add(d_bt);
}

}  // namespace strata::trainer
