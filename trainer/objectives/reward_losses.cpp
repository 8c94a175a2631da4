#include "trainer/objectives/reward_losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace strata::trainer {

at::Tensor reward_gaps(const at::Tensor& reward_b, const Comparisons& pairs) {
  return reward_b.index_select(0, pairs.better_p) - reward_b.index_select(0, pairs.worse_p);
}

at::Tensor bradley_terry_loss(const at::Tensor& reward_b, const Comparisons& pairs, double center) {
  const at::Tensor gap_p = reward_gaps(reward_b, pairs) - pairs.margin_p;
  at::Tensor loss_p =
      -(pairs.target_p * at::log_sigmoid(gap_p)) - (1 - pairs.target_p) * at::log_sigmoid(-gap_p);
  if (center > 0) {
    const at::Tensor sum_p =
        reward_b.index_select(0, pairs.better_p) + reward_b.index_select(0, pairs.worse_p);
    loss_p = loss_p + center * sum_p * sum_p;
  }
  return at::sum(loss_p * pairs.weight_p);
}

at::Tensor plackett_luce_loss(const at::Tensor& reward_gk, const at::Tensor& rank_gk,
                              const at::Tensor& weight_g) {
  const at::Tensor is_real_gk = rank_gk.ge(0);
  // [g, i, j]: whether i was chosen where j could have been. A fill-up may be chosen before all:
  // its sum is finite, and left out below.
  const at::Tensor could_gij =
      rank_gk.unsqueeze(1).ge(rank_gk.unsqueeze(2)).logical_and(is_real_gk.unsqueeze(1));
  const at::Tensor any_gi1 = could_gij.any(2, /*keepdim=*/true);
  const at::Tensor nothing =
      at::scalar_tensor(-std::numeric_limits<float>::infinity(), reward_gk.options());
  const at::Tensor among_gij =
      at::where(could_gij.logical_or(any_gi1.logical_not()), reward_gk.unsqueeze(1), nothing);
  const at::Tensor loss_gk = at::logsumexp(among_gij, {2}) - reward_gk;
  return at::sum(at::sum(loss_gk * is_real_gk, {1}) * weight_g);
}

at::Tensor rating_loss(const at::Tensor& reward_b, const at::Tensor& rating_b,
                       const at::Tensor& weight_b) {
  const at::Tensor off_b = reward_b - rating_b;
  return at::sum(off_b * off_b * weight_b);
}

std::vector<double> overconfidence(const at::Tensor& gap_p, const Comparisons& pairs) {
  constexpr int kBins = 10;
  const at::Tensor gap = gap_p.cpu().contiguous();
  const Comparisons here = pairs.to(at::kCPU);
  std::vector<double> off(kBins);
  for (int64_t p = 0; p < gap.numel(); ++p) {
    const double gap_of = gap.const_data_ptr<float>()[p];
    const double target = here.target_p.const_data_ptr<float>()[p];
    const double right = gap_of == 0 ? 0.5 : gap_of > 0 ? target : 1 - target;
    const double confidence = 1 / (1 + std::exp(-std::abs(gap_of)));
    const int bin = std::clamp(static_cast<int>((2 * confidence - 1) * kBins), 0, kBins - 1);
    off[static_cast<size_t>(bin)] +=
        here.weight_p.const_data_ptr<float>()[p] * (right - confidence);
  }
  return off;
}

}  // namespace strata::trainer
