// The losses of direct preference optimisation and its relatives as maths on a few numbers:
// log-probabilities of answers in, a loss per pair (or per answer) out. Knows neither models nor
// batches nor ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

namespace strata::trainer {

enum class PreferenceLoss : uint8_t { kSigmoid, kIpo, kRobust, kKto, kOrpo };
/// "sigmoid", "ipo", "robust", "kto" or "orpo", as the config has checked.
PreferenceLoss preference_loss_named(std::string_view name);

struct PreferenceOptions {
  PreferenceLoss loss = PreferenceLoss::kSigmoid;
  double beta = 0.1;
  double label_smoothing = 0;  ///< share of labels taken to be flipped (sigmoid, robust)
  double nll_coef = 0;
  double desirable_weight = 1, undesirable_weight = 1;  ///< kto
};

/// One side of pairs p: summed log-probability of the answers under the policy and the reference
/// (orpo: undefined), and their numbers of tokens. All fp32 [pairs].
struct PreferenceSide {
  at::Tensor logprob_p, reference_p, tokens_p;
  at::Tensor log_ratio_p() const;  ///< policy minus reference
};

/// Loss of each pair, with D = log-ratio of the chosen answer minus that of the rejected one and
/// t = target_p (1, or 1/2 of a tie):
///   sigmoid  -log sigma(beta D), labels smoothed (Rafailov et al., 2023; Mitchell, "cDPO")
///   ipo      (D - (2t - 1) / (2 beta))^2, each side of D divided by its tokens (Azar et al., 2023)
///   robust   the unbiased form under flipped labels (Chowdhury et al., 2024)
///   orpo     NLL of the chosen answer per token - beta log sigma(log odds ratio of the means per
///            token) (Hong et al., 2024)
/// and nll_coef times the chosen answer's NLL per token.
at::Tensor preference_losses(const PreferenceOptions& options, const PreferenceSide& chosen,
                             const PreferenceSide& rejected, const at::Tensor& target_p);

/// Loss of each answer (Ethayarajh et al., "KTO", 2024): with h = log-ratio and z = divergence, the
/// reference point, w (1 - sigma(beta (h - z))) of a good answer and w (1 - sigma(beta (z - h))) of
/// a bad one. label_b: 1 good, 0 bad.
at::Tensor kto_losses(const PreferenceOptions& options, const at::Tensor& log_ratio_b,
                      const at::Tensor& label_b, double divergence);

}  // namespace strata::trainer
