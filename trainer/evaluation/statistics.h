// What a finite number of questions says about a model: means with their standard errors, and
// intervals for proportions. Pure functions; they know no task.
#pragma once

#include <cstdint>
#include <span>

namespace strata::trainer {

struct Interval {
  double low = 0, high = 0;
};

/// Of the numbers that are there (not NaN); NaN where none is.
double mean_of(std::span<const double> values);

/// Standard error of their mean, from the sample's deviation (n - 1); NaN for fewer than two.
double standard_error(std::span<const double> values);

/// The 95% score interval of a proportion (E. B. Wilson 1927): inside [0, 1], and of use at 0 and 1
/// too. Also for the mean of `count` numbers between 0 and 1: none varies more than a yes or no of
/// the same mean, so the interval is on the safe side. NaN where `count` is 0.
Interval wilson_interval(double share, int64_t count);

/// The chance that at least one of k answers is right, from `answers` of which `correct` were:
/// 1 - C(answers - correct, k) / C(answers, k), unbiased (Chen et al. 2021). 1 <= k <= answers.
double pass_at_k(int64_t answers, int64_t correct, int64_t k);

}  // namespace strata::trainer
