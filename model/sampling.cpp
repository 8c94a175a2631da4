#include "model/sampling.h"

#include <ATen/ops/log_softmax.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace strata::model {
namespace {

// 53 random bits in [0, 1).
double uniform_draw(uint64_t key, const Draw& draw) {
  const base::PhiloxBlock words =
      base::philox(key, static_cast<uint64_t>(draw.answer), static_cast<uint64_t>(draw.position));
  const uint64_t bits = (static_cast<uint64_t>(words[0]) << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

Choice most_likely(std::span<const float> logprobs) {
  const auto best = std::max_element(logprobs.begin(), logprobs.end());  // the first among equals
  return {static_cast<int32_t>(best - logprobs.begin()), *best};
}

// Walks the cumulative probability of `count` candidates up to `draw` of their total mass.
template <class LogprobAt>
size_t pick(size_t count, double mass, double draw, LogprobAt logprob_at) {
  double left = draw * mass;
  size_t last = 0;
  for (size_t i = 0; i < count; ++i) {
    const double probability = std::exp(logprob_at(i));
    if (probability == 0) continue;  // a token without probability is never drawn, rounding or not
    last = i;
    left -= probability;
    if (left < 0) break;
  }
  return last;
}

Choice sample_whole(std::span<const float> logprobs, double draw) {
  const size_t i = pick(logprobs.size(), 1.0, draw, [&](size_t i) { return logprobs[i]; });
  return {static_cast<int32_t>(i), logprobs[i]};
}

// Candidates by falling probability (smaller ids first among equals), cut by top_k, then by top_p,
// then drawn from.
Choice sample_filtered(std::span<const float> logprobs, const SamplingConfig& sampling,
                       double draw) {
  std::vector<int32_t> ids(logprobs.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto before = [&](int32_t a, int32_t b) {
    return logprobs[a] != logprobs[b] ? logprobs[a] > logprobs[b] : a < b;
  };
  size_t kept = sampling.top_k > 0 ? std::min<size_t>(sampling.top_k, ids.size()) : ids.size();
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(),
                    before);

  const auto mass_of = [&](size_t count) {
    double mass = 0;
    for (size_t i = 0; i < count; ++i) mass += std::exp(static_cast<double>(logprobs[ids[i]]));
    return mass;
  };
  double mass = mass_of(kept);
  if (sampling.top_p < 1) {
    const double enough = sampling.top_p * mass;
    double reached = 0;
    size_t count = 0;
    while (count < kept && (count == 0 || reached < enough))
      reached += std::exp(static_cast<double>(logprobs[ids[count++]]));
    kept = count;
    mass = reached;
  }
  const size_t i = pick(kept, mass, draw, [&](size_t i) { return logprobs[ids[i]]; });
  return {ids[i], static_cast<float>(logprobs[ids[i]] - std::log(mass))};
}

}  // namespace

std::vector<Choice> choose(const at::Tensor& logits_nv, std::span<const Draw> draws,
                           const SamplingConfig& sampling) {
  base::ensure(logits_nv.size(0) == static_cast<int64_t>(draws.size()),
               "one draw for each row of logits");
  const bool greedy = sampling.temperature == 0;
  const bool filtered = sampling.top_k > 0 || sampling.top_p < 1;
  const uint64_t key = base::stream_key(sampling.seed, fmt::format("sampling {}", sampling.step));
  const at::Tensor logprob_nv =
      at::log_softmax(greedy ? logits_nv : logits_nv.div(sampling.temperature), -1).contiguous();

  const size_t vocabulary = static_cast<size_t>(logprob_nv.size(1));
  std::vector<Choice> choices;
  for (size_t row = 0; row < draws.size(); ++row) {
    const std::span<const float> logprobs(logprob_nv.const_data_ptr<float>() + row * vocabulary,
                                          vocabulary);
    const double draw = uniform_draw(key, draws[row]);
    choices.push_back(greedy     ? most_likely(logprobs)
                      : filtered ? sample_filtered(logprobs, sampling, draw)
                                 : sample_whole(logprobs, draw));
  }
  return choices;
}

}  // namespace strata::model
