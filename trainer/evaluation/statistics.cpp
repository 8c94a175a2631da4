#include "trainer/evaluation/statistics.h"

#include <cmath>

namespace strata::trainer {
namespace {

constexpr double kZ = 1.959963984540054;  // the normal distribution's 97.5% point

struct Moments {
  int64_t count = 0;
  double mean = std::nan(""), squares = 0;  // squares: of the distances from the mean
};

Moments moments_of(std::span<const double> values) {
  Moments moments;
  double sum = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++moments.count;
  }
  moments.mean = sum / static_cast<double>(moments.count);
  for (const double value : values) {
    if (!std::isnan(value)) moments.squares += (value - moments.mean) * (value - moments.mean);
  }
  return moments;
}

}  // namespace

double mean_of(std::span<const double> values) { return moments_of(values).mean; }

double standard_error(std::span<const double> values) {
  const Moments moments = moments_of(values);
  if (moments.count < 2) return std::nan("");
  const auto n = static_cast<double>(moments.count);
  return std::sqrt(moments.squares / (n - 1) / n);
}

Interval wilson_interval(double share, int64_t count) {
  const auto n = static_cast<double>(count);
  const double scale = 1 + kZ * kZ / n;
  const double centre = (share + kZ * kZ / (2 * n)) / scale;
  const double half = kZ / scale * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  // At the ends centre and half are equal but for rounding.
  return {share <= 0 ? 0 : centre - half, share >= 1 ? 1 : centre + half};
}

double pass_at_k(int64_t answers, int64_t correct, int64_t k) {
  const int64_t wrong = answers - correct;
  if (wrong < k) return 1;
  // The quotient of the two binomials, factor by factor: no factorial overflows.
  double all_wrong = 1;
  for (int64_t i = wrong + 1; i <= answers; ++i)
    all_wrong *= 1 - static_cast<double>(k) / static_cast<double>(i);
  return 1 - all_wrong;
}

}  // namespace strata::trainer
