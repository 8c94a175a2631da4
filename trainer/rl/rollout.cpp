#include "trainer/rl/rollout.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/decoder.h"
#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"
#include "trainer/use/rows.h"

namespace strata::trainer {
namespace {

constexpr int64_t kRowsInWork = 256;  // of one copy of the model: what the cache must hold

/// Every rank gets the numbers of those who wrote them; elsewhere they are zero.
void share(parallel::Communicator& ranks, std::vector<double>& numbers) {
  if (ranks.size() > 1) parallel::all_reduce_numbers(ranks, numbers);
}

/// The completions of all, from the ones that this copy of the model made.
std::vector<model::Completion> gather(parallel::Communicator& copies, size_t count,
                                      const std::vector<size_t>& own,
                                      const std::vector<model::Completion>& made) {
  std::vector<double> lengths(count, 0.0), ended(count, 0.0);
  for (size_t i = 0; i < own.size(); ++i) {
    lengths[own[i]] = static_cast<double>(made[i].tokens.size());
    ended[own[i]] = made[i].reached_end ? 1 : 0;
  }
  share(copies, lengths);
  share(copies, ended);

  std::vector<size_t> begins{0};
  for (const double length : lengths) begins.push_back(begins.back() + static_cast<size_t>(length));
  std::vector<double> ids(begins.back(), 0.0), logprobs(begins.back(), 0.0);
  for (size_t i = 0; i < own.size(); ++i) {
    const auto at = static_cast<std::ptrdiff_t>(begins[own[i]]);
    std::ranges::copy(made[i].tokens, ids.begin() + at);
    std::ranges::copy(made[i].logprobs, logprobs.begin() + at);
  }
  share(copies, ids);
  share(copies, logprobs);

  std::vector<model::Completion> all(count);
  for (size_t i = 0; i < count; ++i) {
    for (size_t at = begins[i]; at < begins[i + 1]; ++at) {
      all[i].tokens.push_back(static_cast<int32_t>(ids[at]));
      all[i].logprobs.push_back(static_cast<float>(logprobs[at]));
    }
    all[i].reached_end = ended[i] > 0;
  }
  return all;
}

}  // namespace

Rollout::Rollout(std::vector<Answer> answers) : answers_(std::move(answers)), begins_{0} {
  for (const Answer& answer : answers_)
    begins_.push_back(begins_.back() + static_cast<int64_t>(answer.ids.size()));
}

int64_t Rollout::prompt_tokens() const {
  int64_t tokens = 0;
  for (const Answer& answer : answers_) tokens += static_cast<int64_t>(answer.prompt->ids.size());
  return tokens;
}

int64_t Rollout::ended() const { return std::ranges::count_if(answers_, &Answer::reached_end); }

Rollout sample_answers(const model::Decoder& policy, std::span<const data::Prompt* const> prompts,
                       const model::SamplingConfig& sampling, const model::GenerationHooks& hooks) {
  const parallel::ParallelContext& context = policy.context();
  const std::vector<size_t> own = own_rows(prompts.size(), context);
  const std::vector<int64_t> numbers(own.begin(), own.end());
  std::vector<std::vector<int32_t>> own_prompts;
  for (const size_t number : own) own_prompts.push_back(prompts[number]->ids);
  std::vector<model::Completion> made;
  {
    // Answers end when they like, so that each copy makes passes in a number of its own.
    const parallel::WholeValues whole(policy.params());
    if (!own.empty()) {
      made = model::Generator(policy).generate(own_prompts, numbers, sampling, hooks, kRowsInWork);
    }
  }
  std::vector<model::Completion> all = gather(context.gradients(), prompts.size(), own, made);

  std::vector<Answer> answers;
  TokenNumbers logprobs;
  for (size_t i = 0; i < all.size(); ++i) {
    logprobs.insert(logprobs.end(), all[i].logprobs.begin(), all[i].logprobs.end());
    answers.push_back({prompts[i], std::move(all[i].tokens), all[i].reached_end});
  }
  Rollout rollout(std::move(answers));
  rollout.sampled_logprobs = std::move(logprobs);
  return rollout;
}

}  // namespace strata::trainer
