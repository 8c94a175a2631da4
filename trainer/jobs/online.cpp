#include "trainer/jobs/online.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/loader.h"
#include "trainer/jobs/conversation.h"
#include "trainer/models/save.h"
#include "trainer/rl/recompute.h"
#include "trainer/rl/rollout.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

using base::UserError;

/// The log-probabilities that are trained on must be those of what was sampled.
void check_sampling(const RunConfig& config) {
  const GenerationSection& generation = config.generation;
  const auto refuse = [](const std::string& key, const std::string& why) {
    throw UserError(base::kBadUsage, fmt::format("generation.{}: {}", key, why));
  };
  if (generation.top_k != 0)
    refuse("top_k",
           "must be 0 here: answers must come from the very distribution that is trained, or the "
           "divergence from the reference turns negative and training drifts");
  if (generation.top_p != 1)
    refuse("top_p",
           "must be 1 here: answers must come from the very distribution that is trained, or the "
           "divergence from the reference turns negative and training drifts");
  if (generation.temperature <= 0) refuse("temperature", "must be above 0: answers are sampled");
  if (generation.max_new_tokens < 1) refuse("max_new_tokens", "must be 1 or more");
  if (!generation.stop.empty())
    refuse("stop", "an answer ends with the end token here, which is trained; stop strings do not");
  if (config.model.dropout > 0)
    throw UserError(base::kBadUsage,
                    "model.dropout: must be 0 here: an answer's probability would differ from pass "
                    "to pass");
  if (config.rewards.empty())
    throw UserError(base::kBadUsage, "rewards: says what is rewarded, and is not set");
}

int64_t sequence_of(const RunConfig& config, const ModelStart& start) {
  return std::min(config.batch.sequence, start.info.config.context);
}

std::unique_ptr<data::ChatTemplate> chat_of(const RunConfig& config, const ModelStart& start) {
  const auto chosen = choose_chat(config, start.codec.get());
  return chosen ? std::make_unique<data::ChatTemplate>(*chosen) : nullptr;
}

int64_t longest_prompt(const RunConfig& config, int64_t sequence) {
  const int64_t longest = sequence - config.generation.max_new_tokens;
  if (longest < 1) {
    throw UserError(base::kBadUsage,
                    fmt::format("generation.max_new_tokens is {}, which leaves no room for a "
                                "prompt: batch.sequence and model.context allow {} tokens",
                                config.generation.max_new_tokens, sequence));
  }
  return longest;
}

ModelStart checked_start(Session& session) {
  check_sampling(session.config());
  return start_model(session, model::HeadKind::kLanguage);
}

HeldModel open_policy(Session& session, OnlineInput& input, const Scorer& rewards,
                      const Scorer& watched) {
  const auto check = [&](const base::JsonReader& row) {
    rewards.check_row(row);
    watched.check_row(row);
  };
  input.train.each_row(check);
  input.eval.each_row(check);
  session.open_folder();
  for (const std::string& line : input.train.describe()) session.log().info("train: " + line);
  for (const std::string& line : input.eval.describe()) session.log().info("eval:  " + line);
  session.log().info("rewards: " + rewards.describe());
  if (!watched.empty()) session.log().info("watched: " + watched.describe());
  if (input.start.info.end_ids.empty())
    session.log().warning("the model has no end token: answers end by length alone");
  if (input.chat) input.start.tokenizer = keep_tokenizer(session, *input.start.codec, *input.chat);
  HeldModel policy = make_trained_model(session.context(), session.config(), input.start.info);
  describe_model(session, policy);
  load_start(input.start, *policy.decoder);
  return policy;
}

RewardContext reward_context(Session& session, const OnlineInput& input, const AnswerText& text) {
  return {session, text, input.start.info.config.vocabulary(), input.sequence};
}

}  // namespace

OnlineInput::OnlineInput(Session& session)
    : start(checked_start(session)),
      chat(chat_of(session.config(), start)),
      sequence(sequence_of(session.config(), start)),
      train(PromptStream::training(session.config(), rows(session.config()),
                                   longest_prompt(session.config(), sequence))),
      eval(PromptStream::evaluation(session.config(), rows(session.config()),
                                    longest_prompt(session.config(), sequence))) {}

data::DatasetContext OnlineInput::rows(const RunConfig& config) const {
  data::DatasetContext rows{config.data, sequence, start.codec.get(),
                            start.info.config.vocabulary()};
  rows.chat = chat.get();
  return rows;
}

int64_t online_steps(const RunConfig& config, const PromptStream& prompts, int64_t per_step) {
  if (config.run.steps > 0) return config.run.steps;
  if (config.run.epochs > 0) return data::steps_in(config.run.epochs * prompts.size(), per_step);
  throw UserError(base::kBadUsage,
                  "run.steps: say how long to train: run.steps or run.epochs must be above 0");
}

OnlineJob::OnlineJob(Session& session, OnlineInput input)
    : session_(session),
      config_(session.config()),
      input_(std::move(input)),
      text_(input_.start.codec.get(), input_.start.info.end_ids),
      rewards_(config_.rewards, "rewards", reward_context(session, input_, text_)),
      watched_(config_.watch, "watch", reward_context(session, input_, text_)),
      policy_(open_policy(session, input_, rewards_, watched_)),
      engine_(*policy_.decoder, policy_.optimizer.get(), engine_options(config_)),
      deal_(deal_options(config_, session.context())) {
  if (session.is_main_rank()) samples_.emplace(session.folder() / "samples.jsonl", text_);
}

std::unique_ptr<HeldModel> OnlineJob::make_reference() {
  if (config_.lora.rank > 0) return nullptr;
  auto reference = std::make_unique<HeldModel>(
      make_frozen_model(session_.context(), config_, input_.start.info));
  load_start(input_.start, *reference->decoder);
  return reference;
}

model::SamplingConfig OnlineJob::sampling(int64_t step) const {
  model::SamplingConfig sampling;
  sampling.max_new_tokens = config_.generation.max_new_tokens;
  sampling.temperature = config_.generation.temperature;
  sampling.seed = static_cast<uint64_t>(config_.run.seed);
  sampling.step = step;
  for (const int64_t id : policy_.info.end_ids)
    sampling.end_ids.push_back(static_cast<int32_t>(id));
  return sampling;
}

Rollout OnlineJob::sample(int64_t k, int64_t prompts, int64_t copies) {
  std::vector<const data::Prompt*> asked;
  for (const data::Prompt* prompt : input_.train.take((k - 1) * prompts, prompts))
    asked.insert(asked.end(), static_cast<size_t>(copies), prompt);
  Rollout rollout = sample_answers(*policy_.decoder, asked, sampling(k));
  last_answers_ = rollout.size();
  last_tokens_ = rollout.prompt_tokens() + rollout.tokens();
  return rollout;
}

/// The other rewards make up for one that is missing, so nothing else tells of it.
void OnlineJob::warn_of_gaps(int64_t k, const Scores& scores) {
  for (const Scores::Part& part : scores.parts) {
    const int64_t missing = count_missing(part.values);
    if (missing == 0) continue;
    session_.log().warning(fmt::format("step {}: {} of {} answers got no reward from {}", k,
                                       missing, part.values.size(), part.name));
  }
}

Scores OnlineJob::score(int64_t k, const Rollout& rollout, MetricLog& metrics) {
  Scores scores = rewards_.score(rollout);
  log_parts(scores, "reward", metrics);
  if (!watched_.empty()) log_parts(watched_.score(rollout), "watch", metrics);
  if (scores.parts.size() > 1) warn_of_gaps(k, scores);
  const auto answers = static_cast<double>(rollout.size());
  const int64_t missing = count_missing(scores.total);
  metrics.set("reward/missing", static_cast<double>(missing) / answers);
  if (missing > 0) {
    session_.log().warning(
        fmt::format("step {}: {} of {} answers got no reward (a time-out, or no number) and are "
                    "left out",
                    k, missing, rollout.size()));
  }
  metrics.set("val/num_eos_tokens", static_cast<double>(rollout.ended()));
  metrics.set("completions/mean_length", static_cast<double>(rollout.tokens()) / answers);
  return scores;
}

void OnlineJob::keep_samples(int64_t k, const Rollout& rollout, const Scores& scores) {
  if (samples_ && (k == 1 || k % config_.log.every == 0)) samples_->add(k, rollout, scores);
}

void OnlineJob::watch_sampling(int64_t k, double mismatch, MetricLog& metrics) {
  metrics.set("rollout/logprob_ratio", mismatch);
  const double allowed = config_.precision.compute == "fp32" ? 1.01 : 1.05;
  if (mismatch <= allowed) return;
  session_.log().warning(
      fmt::format("step {}: sampled and recomputed probabilities differ by a factor of {:.4f} in "
                  "the mean, more than {}: the generator and the trained model do not compute the "
                  "same",
                  k, mismatch, allowed));
}

void OnlineJob::evaluate(MetricLog& metrics) {
  evaluate_prompts("scores", config_.generation.temperature, metrics);
  evaluate_prompts("greedy_scores", 0, metrics);
}

void OnlineJob::evaluate_prompts(const std::string& name, double temperature, MetricLog& metrics) {
  const int64_t wanted = config_.eval.batches * config_.batch.global;
  const int64_t count = wanted == 0 ? input_.eval.size() : std::min(input_.eval.size(), wanted);
  if (count == 0) return;
  model::SamplingConfig how = sampling(0);
  how.seed = static_cast<uint64_t>(config_.generation.seed);
  how.temperature = temperature;
  const Rollout rollout = sample_answers(*policy_.decoder, input_.eval.take(0, count), how);
  metrics.set(name, mean_of_present(rewards_.score(rollout).total));
}

std::vector<CheckpointModel> OnlineJob::models() {
  return {{"", policy_.params.get(), policy_.optimizer.get()}};
}

void OnlineJob::save_model(const std::filesystem::path& folder) {
  save_model_folder(folder, policy_.info, *policy_.decoder, input_.start.tokenizer);
}

Algorithm::Work OnlineJob::rollout_work(double forwards, double passes) const {
  const int64_t mean_length = last_tokens_ / std::max<int64_t>(last_answers_, 1);
  const double trained =
      model::flops_per_token(policy_.info.config, mean_length, policy_.info.head);
  return {last_tokens_,
          static_cast<double>(last_tokens_) * trained * ((1 + forwards) / 3 + passes)};
}

MetricLog::Values PassMetrics::add(const std::string& owner, MetricLog& pass,
                                   parallel::Communicator& world) {
  MetricLog::Values values = pass.reduce(world);
  for (auto& [name, value] : values) {
    if (name == "grad_norm") name = owner + name;
    auto at = std::ranges::find(means_, name, &Mean::name);
    if (at == means_.end()) at = means_.insert(at, {name});
    at->sum += value;
    ++at->passes;
  }
  return values;
}

void PassMetrics::show(MetricLog& metrics) const {
  for (const Mean& mean : means_)
    metrics.set(mean.name, mean.sum / static_cast<double>(mean.passes));
}

}  // namespace strata::trainer
