#include "trainer/evaluation/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace strata::trainer {

using base::UserError;

Evaluation::Evaluation(Session& session)
    : session_(session),
      path_(session.config().model.from.empty() ? session.config().run.dir
                                                : session.config().model.from),
      model_(open_model(session, path_)) {}

bool Evaluation::is_reward_model() const {
  return model_.source.info.head == model::HeadKind::kScalar;
}

void Evaluation::need_language_model(std::string_view task) const {
  if (is_reward_model()) {
    throw UserError(base::kBadUsage,
                    fmt::format("eval.tasks: {} needs a language model, and {} is a reward model",
                                task, path_));
  }
}

const std::vector<JsonRow>& Evaluation::rows() {
  if (!rows_.empty()) return rows_;
  for (const data::EvalSource& source : config().data.eval) {
    for (JsonRow& row : read_rows(source.path)) rows_.push_back(std::move(row));
  }
  if (rows_.empty()) {
    throw UserError(base::kBadUsage, config().data.eval.empty()
                                         ? "data.eval: says what to measure on, and is not set"
                                         : "data.eval: says what to measure on, and holds no rows");
  }
  return rows_;
}

Respondent& Evaluation::reader() {
  if (!respondent_) respondent_ = std::make_unique<Respondent>(session_, model_);
  return *respondent_;
}

Respondent& Evaluation::respondent() {
  if (reader().prompts().empty()) respondent_->take_prompts(rows());
  return *respondent_;
}

RewardContext Evaluation::reward_context(const Respondent& respondent) {
  int64_t longest = 0;
  for (const data::Prompt& prompt : respondent.prompts()) {
    const auto length = static_cast<int64_t>(prompt.ids.size());
    longest = std::max(longest, length + config().generation.max_new_tokens);
  }
  return {session_, respondent.text(), respondent.model().source.info.config.vocabulary(), longest};
}

Scorer& Evaluation::rewards() {
  if (rewards_) return *rewards_;
  if (config().rewards.empty())
    throw UserError(base::kBadUsage, "rewards: says who judges the answers, and is not set");
  if (!config().generation.stop.empty()) {
    throw UserError(base::kBadUsage,
                    "generation.stop: rewards judge whole answers, which end with the end token; "
                    "leave it empty here");
  }
  rewards_ = std::make_unique<Scorer>(config().rewards, "rewards", reward_context(reader()));
  for (const JsonRow& row : rows()) rewards_->check_row(base::JsonReader(row.object, row.where));
  return *rewards_;
}

double Evaluation::answer_temperature() const {
  const bool given = session_.loaded().sources.is_set("generation.temperature");
  return given ? config().generation.temperature : 0;
}

const AnswerSet& Evaluation::answers() {
  if (!answers_) answers_ = respondent().answer(1, answer_temperature());
  return *answers_;
}

const AnswerSet& Evaluation::samples() {
  if (!samples_) {
    samples_ = respondent().answer(config().eval.samples, config().generation.temperature);
  }
  return *samples_;
}

const Scores& Evaluation::sample_scores() {
  if (!sample_scores_) sample_scores_ = rewards().score(samples().rollout);
  return *sample_scores_;
}

std::optional<double> Evaluation::temperature_used() const {
  if (samples_) return config().generation.temperature;
  if (answers_) return answer_temperature();
  return std::nullopt;
}

base::Json sample_row(std::string_view task, size_t i, const JsonRow& row, base::Json target,
                      base::Json responses, base::Json filtered) {
  base::Json sample;
  sample["task"] = task;
  sample["doc_id"] = i;
  sample["doc"] = row.object;
  sample["target"] = std::move(target);
  sample["resps"] = std::move(responses);
  sample["filtered_resps"] = std::move(filtered);
  return sample;
}

base::Json answers_row(std::string_view task, size_t i, const JsonRow& row, base::Json target,
                       std::span<const std::string> texts) {
  base::Json filtered = base::Json::array();
  for (const std::string& text : texts) filtered.push_back(text);
  base::Json responses = base::Json::array();
  responses.push_back(filtered);
  return sample_row(task, i, row, std::move(target), std::move(responses), std::move(filtered));
}

base::Json value_in(const JsonRow& row, const std::string& key) {
  const auto found = row.object.find(key);
  return found == row.object.end() ? base::Json() : *found;
}

}  // namespace strata::trainer
