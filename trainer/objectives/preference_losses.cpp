#include "trainer/objectives/preference_losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/sigmoid.h>

#include "base/error.h"

namespace strata::trainer {
namespace {

/// log(p / (1 - p)) of p = exp(mean log-probability of a token), which a certain answer would make
/// infinite.
at::Tensor log_odds(const PreferenceSide& side) {
  const at::Tensor mean_p = (side.logprob_p / side.tokens_p).clamp_max(-1e-6);
  return mean_p - at::log(-at::expm1(mean_p));
}

/// -t log sigma(x) - (1 - t) log sigma(-x)
at::Tensor soft_label_loss(const at::Tensor& x_p, const at::Tensor& target_p) {
  return -(target_p * at::log_sigmoid(x_p)) - (1 - target_p) * at::log_sigmoid(-x_p);
}

at::Tensor pair_losses(const PreferenceOptions& options, const PreferenceSide& chosen,
                       const PreferenceSide& rejected, const at::Tensor& target_p) {
  const double flipped = options.label_smoothing;
  switch (options.loss) {
    case PreferenceLoss::kSigmoid: {
      const at::Tensor x_p = options.beta * (chosen.log_ratio_p() - rejected.log_ratio_p());
      return soft_label_loss(x_p, target_p * (1 - flipped) + (1 - target_p) * flipped);
    }
    case PreferenceLoss::kRobust: {
      // The weights of both labels sum to 1, and that of a flipped one is below 0.
      const at::Tensor x_p = options.beta * (chosen.log_ratio_p() - rejected.log_ratio_p());
      return soft_label_loss(x_p, (target_p - flipped) / (1 - 2 * flipped));
    }
    case PreferenceLoss::kIpo: {
      const at::Tensor difference_p =
          chosen.log_ratio_p() / chosen.tokens_p - rejected.log_ratio_p() / rejected.tokens_p;
      const at::Tensor off_p = difference_p - (2 * target_p - 1) / (2 * options.beta);
      return off_p * off_p;
    }
    case PreferenceLoss::kOrpo: {
      const at::Tensor ratio_p = log_odds(chosen) - log_odds(rejected);
      return options.beta * soft_label_loss(ratio_p, target_p) - chosen.logprob_p / chosen.tokens_p;
    }
    case PreferenceLoss::kKto:
      break;
  }
  throw base::InternalError("a loss of pairs was expected");
}

}  // namespace

PreferenceLoss preference_loss_named(std::string_view name) {
  if (name == "sigmoid") return PreferenceLoss::kSigmoid;
  if (name == "ipo") return PreferenceLoss::kIpo;
  if (name == "robust") return PreferenceLoss::kRobust;
  if (name == "kto") return PreferenceLoss::kKto;
  base::ensure(name == "orpo", "a preference loss that the config does not know");
  return PreferenceLoss::kOrpo;
}

at::Tensor PreferenceSide::log_ratio_p() const { return logprob_p - reference_p; }

at::Tensor preference_losses(const PreferenceOptions& options, const PreferenceSide& chosen,
                             const PreferenceSide& rejected, const at::Tensor& target_p) {
  const at::Tensor loss_p = pair_losses(options, chosen, rejected, target_p);
  if (options.nll_coef == 0) return loss_p;
  return loss_p - options.nll_coef * (chosen.logprob_p / chosen.tokens_p);
}

at::Tensor kto_losses(const PreferenceOptions& options, const at::Tensor& log_ratio_b,
                      const at::Tensor& label_b, double divergence) {
  const at::Tensor gain_b = options.beta * (log_ratio_b - divergence);
  const at::Tensor good_b = options.desirable_weight * (1 - at::sigmoid(gain_b));
  const at::Tensor bad_b = options.undesirable_weight * (1 - at::sigmoid(-gain_b));
  return label_b * good_b + (1 - label_b) * bad_b;
}

}  // namespace strata::trainer
