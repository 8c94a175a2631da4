// The losses of reward models as maths on a few numbers: rewards in, one summed loss out. Knows
// neither models nor batches nor ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "trainer/objectives/comparisons.h"

namespace strata::trainer {

/// Rewards of the better answers minus those of the worse ones, [pairs].
at::Tensor reward_gaps(const at::Tensor& reward_b, const Comparisons& pairs);

/// Sum over pairs of weight x [ -t log sigma(gap - margin) - (1 - t) log sigma(margin - gap)
/// + center (r_better + r_worse)^2 ]: Bradley and Terry (1952) with soft labels t, and the term
/// that keeps rewards near 0 (Eisenstein et al., "Helping or Herding?", 2023). A scalar.
at::Tensor bradley_terry_loss(const at::Tensor& reward_b, const Comparisons& pairs, double center);

/// Sum over prompts g of weight x -sum over answers i of [ r_i - logsumexp of those ranked no
/// better ]: Plackett (1975), Luce (1959); ties as in Breslow (1974). rank_gk below 0: the answer
/// only fills up. A scalar.
at::Tensor plackett_luce_loss(const at::Tensor& reward_gk, const at::Tensor& rank_gk,
                              const at::Tensor& weight_g);

/// Sum over rows of weight x (r - rating)^2. A scalar.
at::Tensor rating_loss(const at::Tensor& reward_b, const at::Tensor& rating_b,
                       const at::Tensor& weight_b);

/// For each of ten bins of confidence max(sigma(gap), sigma(-gap)), from 1/2 to 1: the sum over its
/// pairs of weight x (whether they are in the right order - confidence). The sum of the bins'
/// absolute values over that of the weights is the expected calibration error (Naeini et al.,
/// 2015).
std::vector<double> overconfidence(const at::Tensor& gap_p, const Comparisons& pairs);

}  // namespace strata::trainer
