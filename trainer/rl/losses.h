// The losses of reinforcement learning as tensors, token by token; who weighs and sums them is the
// objectives' affair. Pure functions; knows no model, no batch and no rank.
#pragma once

#include <ATen/core/Tensor.h>

namespace strata::trainer {

/// All [rows, tokens], fp32.
struct PolicyLoss {
  at::Tensor loss_bt;        ///< differentiable in the log-probabilities
  at::Tensor ratio_bt;       ///< without a gradient, like what follows
  at::Tensor log_ratio_bt;   ///< new - old
  at::Tensor is_clipped_bt;  ///< 1 where the clipped term was the larger one
};
/// max(-A w, -A clip(w, 1 - clip, 1 + clip)) with w = exp(new - old) (Schulman et al., "Proximal
/// policy optimization", 2017). The exponent is kept within 20.
PolicyLoss clipped_policy_loss(const at::Tensor& logprobs_bt, const at::Tensor& old_logprobs_bt,
                               const at::Tensor& advantages_bt, double clip);

struct ValueLoss {
  at::Tensor loss_bt;
  at::Tensor is_clipped_bt;
};
/// max((V - R)^2, (V_old + clip(V - V_old, +-clip) - R)^2) / 2; V_old is of the rollout.
ValueLoss clipped_value_loss(const at::Tensor& values_bt, const at::Tensor& old_values_bt,
                             const at::Tensor& returns_bt, double clip);

/// exp(-d) - 1 + d with d = log policy - log reference: the divergence that GRPO adds to its loss,
/// differentiable in the policy.
at::Tensor k3_divergence(const at::Tensor& logprobs_bt, const at::Tensor& reference_bt);

}  // namespace strata::trainer
