// Numbers of a rollout's tokens from forward passes over its micro-batches: log-probabilities,
// entropies, values. Every rank gets all of them. Knows no reward and no loss.
#pragma once

#include <span>

#include "data/batch.h"
#include "trainer/rl/rollout.h"

namespace strata::trainer {

class Engine;

struct PolicyNumbers {
  TokenNumbers logprobs;   ///< under softmax(logits / temperature)
  TokenNumbers entropies;  ///< of each distribution, in nats; empty unless asked for
};
/// `batches` are this rank's of answer_batches(), over all answers. `adapters` false: the model
/// without LoRA. Collective.
PolicyNumbers policy_numbers(Engine& engine, const Rollout& rollout,
                             std::span<const data::Batch> batches, double temperature,
                             bool adapters, bool entropy);

/// The scalar head's output before each token of the answers. Collective.
TokenNumbers token_values(Engine& critic, const Rollout& rollout,
                          std::span<const data::Batch> batches);

/// The scalar head's output at the last token of each of `count` sequences; `batches` are this
/// rank's of whole_batches(). Collective.
std::vector<double> sequence_scores(Engine& engine, size_t count,
                                    std::span<const std::vector<int32_t>> sequences,
                                    std::span<const data::Batch> batches);

/// Mean of exp|sampled - recomputed| over all tokens: 1 where the generator and the training pass
/// compute the same distribution.
double sampling_mismatch(const TokenNumbers& sampled, const TokenNumbers& recomputed);

}  // namespace strata::trainer
