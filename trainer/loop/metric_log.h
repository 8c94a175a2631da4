// The numbers of one step, gathered as sums and weights, so that what is shown is the same for any
// split into ranks and micro-batches.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::parallel {
class Communicator;
}

namespace strata::trainer {

class MetricLog {
 public:
  /// Adds to the mean of `name`: it will be the sum of `sum` over the sum of `weight`, over all
  /// ranks that add.
  void add(std::string_view name, double sum, double weight = 1);
  /// Adds to the error of `name`, which is told apart by bins: it will be the sum over bins of
  /// |sum of that bin| over the sum of `weight`, over all ranks that add.
  void add_by_bin(std::string_view name, std::span<const double> sums, double weight);
  /// A number that all ranks already agree on.
  void set(std::string_view name, double value);

  using Values = std::vector<std::pair<std::string, double>>;
  /// The means over the world, in order of first mention, on every rank; those of nothing (weight
  /// 0) are left out. Empties the log. Collective. Sums are made in rank order.
  Values reduce(parallel::Communicator& world);

 private:
  enum class Kind : uint8_t { kMean, kErrorByBin, kAgreed };
  struct Entry {
    std::string name;
    std::vector<double> sums{};  ///< one, or one of each bin
    double weight = 0;
    Kind kind = Kind::kMean;

    void add(std::span<const double> more, double more_weight);
    double value() const;
  };
  Entry& entry(std::string_view name);
  std::vector<Entry> entries_;
};

/// The value called `name`, or `otherwise`.
double value_of(const MetricLog::Values& values, std::string_view name, double otherwise);

}  // namespace strata::trainer
