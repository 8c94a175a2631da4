// Sampling: token ids in, token ids and log-probabilities out. Knows no text: stop strings come as
// a callback. Runs the decoder's own forward with a key-value cache, on any layout: all ranks of
// the tensor and pipeline axes are given the same prompts and return the same answers. Data and
// context ranks each bring their own prompts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace strata::model {

class Decoder;

struct SamplingConfig {
  int64_t max_new_tokens = 64;
  double temperature = 1.0;  ///< 0: greedy, the smallest id among equals
  int64_t top_k = 0;         ///< 0: off
  double top_p = 1.0;        ///< smallest set of most likely tokens with at least this mass
  uint64_t seed = 1;
  int64_t step = 0;                ///< of a training run, so that every rollout draws anew
  std::vector<int32_t> end_ids{};  ///< an answer ends with any of these; it is part of the answer
};

struct Completion {
  std::vector<int32_t> tokens;  ///< the new ones, the end token included
  std::vector<float> logprobs;  ///< of the very distribution each token was drawn from; greedy: of
                                ///< the plain softmax
  bool reached_end = false;     ///< by an end id or by stop_when; false: by length
};

/// Both are called after every new token, in the order of rows except over pipeline stages, which
/// take rows in turns. Every rank calls them: they must give the same answer everywhere.
struct GenerationHooks {
  /// Whether row's answer is finished; `tokens` are the new ones so far.
  std::function<bool(int row, std::span<const int32_t> tokens)> stop_when;
  /// A token was added to a row (streaming).
  std::function<void(int row, int32_t token, float logprob)> on_token;
};

class Generator {
 public:
  explicit Generator(const Decoder& decoder);
  ~Generator();

  /// Completes every prompt (none may be empty). The noise of a draw is a function of (seed, step,
  /// the row's answer number, position in the answer) alone, so neither the batch nor the layout of
  /// ranks changes an answer. A prompt that leaves no room in the model's context is a UserError;
  /// answers end at the context's end. At most `max_rows` rows (rounded up to a multiple of the
  /// pipeline stages) are in work together, 0 = all: the cache holds as many times (longest prompt
  /// + max_new_tokens) tokens.
  std::vector<Completion> generate(std::span<const std::vector<int32_t>> prompts,
                                   std::span<const int64_t> answer_numbers,
                                   const SamplingConfig& sampling,
                                   const GenerationHooks& hooks = {}, int64_t max_rows = 0);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Log-probability of every token of every row given those before it (temperature 1); entry 0 of a
/// row is NaN: nothing predicts it. No graph is made. Rows are run in order of length, at most
/// `max_tokens` tokens (padding counted) in one pass.
std::vector<std::vector<float>> score(const Decoder& decoder,
                                      std::span<const std::vector<int32_t>> rows,
                                      int64_t max_tokens = 8192);

/// The scalar head's number at the last token of every row; NaN for an empty one. Otherwise as
/// score().
std::vector<float> reward(const Decoder& decoder, std::span<const std::vector<int32_t>> rows,
                          int64_t max_tokens = 8192);

}  // namespace strata::model
