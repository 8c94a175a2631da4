// Answers that the policy gave to the prompts of one step, and numbers for each of their tokens.
// Every rank holds the whole rollout (ids and a few numbers a token): what is computed from it is
// the same on any layout of ranks. Knows no reward and no loss.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/datasets/prompts.h"
#include "model/generator.h"

namespace strata::parallel {
class ParallelContext;
}

namespace strata::trainer {

/// A number for every answer token of a rollout, answer after answer; see Rollout::begin.
using TokenNumbers = std::vector<double>;

struct Answer {
  const data::Prompt* prompt = nullptr;
  std::vector<int32_t> ids;  ///< as sampled, the end token included; at least one
  bool reached_end = false;  ///< false: it was cut off by length
};

class Rollout {
 public:
  explicit Rollout(std::vector<Answer> answers);

  int64_t size() const { return static_cast<int64_t>(answers_.size()); }
  const Answer& operator[](int64_t i) const { return answers_[static_cast<size_t>(i)]; }
  std::span<const Answer> answers() const { return answers_; }

  int64_t tokens() const { return begins_.back(); }  ///< of all answers
  /// Where the numbers of answer i begin in a TokenNumbers; begin(size()) is the end.
  int64_t begin(int64_t i) const { return begins_[static_cast<size_t>(i)]; }
  int64_t length(int64_t i) const { return begin(i + 1) - begin(i); }
  std::span<double> of(TokenNumbers& numbers, int64_t i) const {
    return std::span(numbers).subspan(static_cast<size_t>(begin(i)),
                                      static_cast<size_t>(length(i)));
  }
  std::span<const double> of(const TokenNumbers& numbers, int64_t i) const {
    return std::span(numbers).subspan(static_cast<size_t>(begin(i)),
                                      static_cast<size_t>(length(i)));
  }
  int64_t prompt_tokens() const;
  /// How many answers reached their end.
  int64_t ended() const;

  /// Log-probabilities as the generator saw them while it sampled.
  TokenNumbers sampled_logprobs;

 private:
  std::vector<Answer> answers_;
  std::vector<int64_t> begins_;
};

/// One answer to each prompt, in their order. The place in `prompts` is the answer's number, which
/// keys its noise with sampling.seed and .step: equal prompts get different answers, and any layout
/// samples the same ones. The ranks along data and context share the work; the key-value cache is
/// gone when this returns. Collective.
Rollout sample_answers(const model::Decoder& policy, std::span<const data::Prompt* const> prompts,
                       const model::SamplingConfig& sampling,
                       const model::GenerationHooks& hooks = {});

}  // namespace strata::trainer
