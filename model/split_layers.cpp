// The cut of a model's layers into pipeline stages and chunks.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "model/decoder.h"

namespace strata::model {

// best[p][n]: the smallest (largest cost, sum of squared costs) of the first p + 1 parts over the
// first n layers. Among equals the cut with fewer layers in the later parts wins.
std::vector<int> split_layers(const std::vector<double>& costs, int parts, double first_extra,
                              double last_extra) {
  const int layers = static_cast<int>(costs.size());
  base::ensure(parts >= 1 && layers >= parts, "fewer layers than parts");
  std::vector<double> before(layers + 1, 0.0);
  for (int i = 0; i < layers; ++i) before[i + 1] = before[i] + costs[i];
  const auto cost_of = [&](int part, int begin, int end) {
    return before[end] - before[begin] + (part == 0 ? first_extra : 0) +
           (part == parts - 1 ? last_extra : 0);
  };

  using Badness = std::pair<double, double>;
  const double infinite = std::numeric_limits<double>::infinity();
  std::vector<std::vector<Badness>> best(parts,
                                         std::vector<Badness>(layers + 1, {infinite, infinite}));
  std::vector<std::vector<int>> begin_of(parts, std::vector<int>(layers + 1, 0));
  const auto consider = [&](int part, int begin, int end, Badness so_far) {
    const double cost = cost_of(part, begin, end);
    const Badness badness{std::max(so_far.first, cost), so_far.second + cost * cost};
    if (badness > best[part][end]) return;
    best[part][end] = badness;
    begin_of[part][end] = begin;
  };
  for (int end = 1; end <= layers; ++end) consider(0, 0, end, {0, 0});
  for (int part = 1; part < parts; ++part) {
    for (int end = part + 1; end <= layers; ++end) {
      for (int begin = part; begin < end; ++begin)
        consider(part, begin, end, best[part - 1][begin]);
    }
  }

  std::vector<int> counts(parts);
  for (int part = parts - 1, end = layers; part >= 0; --part) {
    counts[part] = end - begin_of[part][end];
    end = begin_of[part][end];
  }
  return counts;
}

}  // namespace strata::model
