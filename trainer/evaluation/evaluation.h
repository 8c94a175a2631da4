// What the tasks of one evaluation share, so that it is opened, asked and judged once: the model,
// the rows of data.eval, the model's answers to them, the rewards. Each is made when a task first
// asks for it. Knows no task.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trainer/evaluation/measure.h"
#include "trainer/evaluation/respondent.h"
#include "trainer/rewards/scorer.h"
#include "trainer/session/session.h"

namespace strata::trainer {

class Evaluation {
 public:
  /// Opens the model of model.from (else of run.dir). Collective.
  explicit Evaluation(Session& session);

  Session& session() { return session_; }
  const RunConfig& config() const { return session_.config(); }
  const std::string& path() const { return path_; }
  const OpenedModel& model() const { return model_; }
  bool is_reward_model() const;
  /// UserError (kBadUsage) where the model answers nothing: `task` needs a language model.
  void need_language_model(std::string_view task) const;

  // ---- to be asked for when a task is made

  /// All rows of data.eval. UserError (kBadUsage) where there is none.
  const std::vector<JsonRow>& rows();
  /// The user's name of our column.
  std::string column(const std::string& name) const { return config().data.column(name); }
  /// Encodes texts; takes no prompts.
  Respondent& reader();
  /// The model with the prompts of all rows.
  Respondent& respondent();
  /// Checks all rows for the rewards of the config. Collective.
  Scorer& rewards();
  RewardContext reward_context(const Respondent& respondent);

  // ---- to be asked for when tasks run; collective

  /// One answer to each question: the likeliest tokens, unless generation.temperature is given.
  const AnswerSet& answers();
  double answer_temperature() const;
  /// eval.samples answers to each question, at generation.temperature.
  const AnswerSet& samples();
  /// What the rewards say of samples().
  const Scores& sample_scores();
  /// Of the answers that were asked for; nothing where none were.
  std::optional<double> temperature_used() const;

 private:
  Session& session_;
  std::string path_;
  OpenedModel model_;
  std::vector<JsonRow> rows_;
  std::unique_ptr<Respondent> respondent_;  ///< borrowed by the rewards
  std::unique_ptr<Scorer> rewards_;
  std::optional<AnswerSet> answers_, samples_;
  std::optional<Scores> sample_scores_;
};

/// What eval.out says of question number `i`, in the keys of lm-evaluation-harness's samples; the
/// task adds its numbers. `filtered` are the responses as they were judged.
base::Json sample_row(std::string_view task, size_t i, const JsonRow& row, base::Json target,
                      base::Json responses, base::Json filtered);
/// The same of answers in words.
base::Json answers_row(std::string_view task, size_t i, const JsonRow& row, base::Json target,
                       std::span<const std::string> texts);
/// The value under `key`, null where there is none.
base::Json value_in(const JsonRow& row, const std::string& key);

}  // namespace strata::trainer
