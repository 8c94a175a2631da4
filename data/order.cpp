// The arithmetic of order.h.
#include "data/order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace strata::data {

namespace {

/// weight / total in units of 2^-64.
uint64_t fixed_share(double weight, double total) {
  const long double scaled =
      std::ldexp(static_cast<long double>(weight) / static_cast<long double>(total), 64);
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  return scaled >= static_cast<long double>(kMost) ? kMost : static_cast<uint64_t>(scaled);
}

/// round(n * share), exactly.
int64_t rounded_share(int64_t n, uint64_t share) {
  constexpr unsigned __int128 kHalf = static_cast<unsigned __int128>(1) << 63;
  const unsigned __int128 product =
      static_cast<unsigned __int128>(static_cast<uint64_t>(n)) * share;
  return static_cast<int64_t>((product + kHalf) >> 64);
}

std::vector<double> weights_of(const std::vector<TrainingOrder::Source>& sources) {
  std::vector<double> weights;
  for (const auto& source : sources) weights.push_back(source.weight);
  return weights;
}

/// A fresh key for every pass over a source.
uint64_t pass_key(uint64_t source_key, uint64_t pass) {
  const base::PhiloxBlock block = base::philox(source_key, pass);
  return static_cast<uint64_t>(block[1]) << 32 | block[0];
}

}  // namespace

Blend::Blend(const std::vector<double>& weights) {
  base::ensure(!weights.empty(), "a blend of no sources");
  for (double weight : weights)
    base::ensure(weight > 0 && std::isfinite(weight), "a blend weight must be above 0");
  for (size_t s = 0; s + 1 < weights.size(); ++s) {
    shares_.push_back(
        fixed_share(weights[s], std::accumulate(weights.begin() + s, weights.end(), 0.0)));
  }
}

SamplePlace Blend::at(int64_t n) const {
  int source = 0;
  for (uint64_t share : shares_) {
    const int64_t before = rounded_share(n, share);
    if (rounded_share(n + 1, share) > before) return {source, before};
    n -= before;
    ++source;
  }
  return {source, n};
}

TrainingOrder::TrainingOrder(std::vector<Source> sources, uint64_t seed, bool shuffle)
    : sources_(std::move(sources)), blend_(weights_of(sources_)), shuffle_(shuffle) {
  for (size_t s = 0; s < sources_.size(); ++s) {
    base::ensure(sources_[s].size > 0, "a source of no samples");
    keys_.push_back(base::stream_key(seed, fmt::format("data order, source {}", s)));
  }
}

SamplePlace TrainingOrder::at(int64_t n) const {
  const auto [source, uses] = blend_.at(n);
  const int64_t size = sources_[source].size, pass = uses / size, position = uses % size;
  if (!shuffle_) return {source, position};
  const uint64_t row = base::permute(static_cast<uint64_t>(position), static_cast<uint64_t>(size),
                                     pass_key(keys_[source], static_cast<uint64_t>(pass)));
  return {source, static_cast<int64_t>(row)};
}

EvaluationOrder::EvaluationOrder(const std::vector<int64_t>& sizes) : ends_(sizes.size()) {
  std::partial_sum(sizes.begin(), sizes.end(), ends_.begin());
}

SamplePlace EvaluationOrder::at(int64_t n) const {
  base::ensure(n >= 0 && n < size(), "an evaluation sample beyond the end");
  const auto source = std::upper_bound(ends_.begin(), ends_.end(), n) - ends_.begin();
  return {static_cast<int>(source), n - (source == 0 ? 0 : ends_[source - 1])};
}

}  // namespace strata::data
