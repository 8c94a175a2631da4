// Which sample of which source is number n of a pass over the data: pure arithmetic on n, so that
// any rank, any micro-batch and any restart finds the same samples without an index, a message or a
// state. Knows the sizes of the sources and nothing of what they hold.
#pragma once

#include <cstdint>
#include <vector>

namespace strata::data {

/// A place in the data: row `index` of source number `source`.
struct SamplePlace {
  int source = 0;
  int64_t index = 0;
  friend bool operator==(const SamplePlace&, const SamplePlace&) = default;
};

/// Deals the numbers 0, 1, 2, ... to sources in proportion to their weights, as evenly as whole
/// numbers allow: of the first n, source s gets its share to within two. One division step after
/// another: source 0 takes the numbers at which round(n p) grows (Bresenham's rule), the rest are
/// renumbered and dealt to the sources that remain.
class Blend {
 public:
  /// Weights above 0, in any unit.
  explicit Blend(const std::vector<double>& weights);
  /// The source of number n, and how many numbers below n it got: O(sources).
  SamplePlace at(int64_t n) const;

 private:
  std::vector<uint64_t>
      shares_;  ///< share of source s among sources s.., in 2^-64; the last takes what is left
};

/// The endless order of training. Each source is passed through again and again, every pass in a
/// new order: a keyed bijection of its rows (base::permute). Does not depend on how long the
/// training is.
class TrainingOrder {
 public:
  struct Source {
    int64_t size = 0;
    double weight = 1.0;
  };
  /// Without `shuffle` every pass runs from the first row to the last.
  TrainingOrder(std::vector<Source> sources, uint64_t seed, bool shuffle);
  SamplePlace at(int64_t n) const;

 private:
  std::vector<Source> sources_;
  Blend blend_;
  std::vector<uint64_t> keys_;
  bool shuffle_;
};

/// The finite order of evaluation: every row of every source once, as they stand.
class EvaluationOrder {
 public:
  explicit EvaluationOrder(const std::vector<int64_t>& sizes);
  int64_t size() const { return ends_.empty() ? 0 : ends_.back(); }
  /// n in [0, size()).
  SamplePlace at(int64_t n) const;

 private:
  std::vector<int64_t> ends_;  ///< running sum of the sizes
};

}  // namespace strata::data
