// Covers a product of choices by few rows: every pair of values of two factors that occurs together
// in some row of the product occurs together in a chosen one. Most faults of combinations need two
// choices, not ten. Greedy and without chance: the same rows in every run and on every rank. A
// value is a number; knows nothing of what it stands for.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace strata::tests {

/// One value per factor, each counted from 0.
using Choice = std::vector<int>;

/// Every row of the product of factors with these numbers of values that is legal; the last factor
/// turns fastest.
inline std::vector<Choice> product(const std::vector<int>& values,
                                   const std::function<bool(const Choice&)>& is_legal) {
  std::vector<Choice> rows;
  Choice row(values.size(), 0);
  while (true) {
    if (is_legal(row)) rows.push_back(row);
    size_t factor = values.size();
    while (factor > 0 && row[factor - 1] + 1 == values[factor - 1]) row[--factor] = 0;
    if (factor == 0) return rows;
    ++row[factor - 1];
  }
}

/// Which pairs of values have been seen.
class PairSet {
 public:
  PairSet(size_t factors, int most_values)
      : factors_(factors),
        most_(static_cast<size_t>(most_values)),
        seen_(factors * factors * most_ * most_, false) {}

  /// How many pairs of the row are not here yet.
  int missing(const Choice& row) const {
    int count = 0;
    each_pair(row, [&](size_t place) { count += seen_[place] ? 0 : 1; });
    return count;
  }
  void add(const Choice& row) {
    each_pair(row, [&](size_t place) { seen_[place] = true; });
  }

 private:
  template <class Body>
  void each_pair(const Choice& row, Body body) const {
    for (size_t a = 0; a < factors_; ++a) {
      for (size_t b = a + 1; b < factors_; ++b) {
        body(((a * factors_ + b) * most_ + static_cast<size_t>(row[a])) * most_ +
             static_cast<size_t>(row[b]));
      }
    }
  }

  size_t factors_, most_;
  std::vector<bool> seen_;
};

/// Rows out of `rows` that hold every pair that `rows` hold: again and again the first of those
/// that add most. `most_values` is above every value.
inline std::vector<Choice> pairwise_cover(const std::vector<Choice>& rows, int most_values) {
  std::vector<Choice> cover;
  if (rows.empty()) return cover;
  PairSet seen(rows.front().size(), most_values);
  while (true) {
    std::pair<int, const Choice*> best{0, nullptr};
    for (const Choice& row : rows) {
      const int missing = seen.missing(row);
      if (missing > best.first) best = {missing, &row};
    }
    if (best.second == nullptr) return cover;
    seen.add(*best.second);
    cover.push_back(*best.second);
  }
}

}  // namespace strata::tests
