#include "trainer/evaluation/measure.h"

#include <algorithm>
#include <cmath>

namespace strata::trainer {

Measure mean_measure(std::string name, std::span<const double> values) {
  return {std::move(name), mean_of(values), standard_error(values), {}};
}

Measure share_measure(std::string name, std::span<const double> values) {
  Measure measure = mean_measure(std::move(name), values);
  const auto present = [](double value) { return !std::isnan(value); };
  measure.interval = wilson_interval(measure.value, std::ranges::count_if(values, present));
  return measure;
}

void merge(Measures& all, const Measures& more) {
  for (const Measure& measure : more) {
    if (std::ranges::find(all, measure.name, &Measure::name) == all.end()) all.push_back(measure);
  }
}

}  // namespace strata::trainer
