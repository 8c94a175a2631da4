// The numbers that an evaluation finds, each with how sure it is. Knows no task and no way to show
// them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/evaluation/statistics.h"

namespace strata::trainer {

struct Measure {
  std::string name;
  double value = 0;
  std::optional<double> error = {};       ///< standard error
  std::optional<Interval> interval = {};  ///< 95%
};
using Measures = std::vector<Measure>;

/// The mean of numbers of any size, one for each question; NaN: there is none for it.
Measure mean_measure(std::string name, std::span<const double> values);
/// The mean of numbers between 0 and 1: a proportion, or the like.
Measure share_measure(std::string name, std::span<const double> values);

/// Appends those whose names are not there yet: tasks that share answers find some numbers twice.
void merge(Measures& all, const Measures& more);

}  // namespace strata::trainer
