// Task reward: how good the rewards find answers: those that stand in the rows (`completion`), else
// the model's own. Where the model to be measured is itself a reward model, it is the judge of the
// rows' answers.
#include <fmt/format.h>

#include "base/error.h"
#include "model/generator.h"
#include "parallel/comm/collectives.h"
#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/given_answers.h"
#include "trainer/evaluation/right_answers.h"
#include "trainer/evaluation/task.h"

namespace strata::trainer {
namespace {

class RewardOfAnswers : public Task {
 public:
  explicit RewardOfAnswers(Evaluation& evaluation)
      : evaluation_(evaluation), key_(evaluation.column("completion")) {
    const std::vector<JsonRow>& rows = evaluation.rows();
    if (evaluation.is_reward_model() || has_answers(rows, key_)) {
      given_.emplace(evaluation.reader(), rows, key_);
    } else {
      evaluation.respondent();
    }
    if (!evaluation.is_reward_model()) evaluation.rewards();
  }

  TaskResult run() override {
    const std::vector<JsonRow>& rows = evaluation_.rows();
    const Scores scores = judge();
    TaskResult result;
    result.measures.push_back(mean_measure("reward", scores.total));
    if (scores.parts.size() > 1) {
      for (const Scores::Part& part : scores.parts)
        result.measures.push_back(mean_measure("reward/" + part.name, part.values));
    }
    if (const int64_t missing = count_missing(scores.total); missing > 0)
      result.measures.push_back({"reward_missing", static_cast<double>(missing)});
    if (!given_) result.measures.push_back({"stop_rate", evaluation_.answers().stop_rate()});
    result.measures.push_back({"questions", static_cast<double>(rows.size())});

    for (size_t i = 0; i < rows.size(); ++i) {
      base::Json row =
          given_ ? sample_row("reward", i, rows[i], nullptr, base::Json::array(),
                              base::Json::array({value_in(rows[i], key_)}))
                 : answers_row("reward", i, rows[i], nullptr, evaluation_.answers().of(i));
      row["reward"] = scores.total[i];
      for (const Scores::Part& part : scores.parts) row["rewards"][part.name] = part.values[i];
      result.rows.push_back(std::move(row));
    }
    return result;
  }

 private:
  Scores judge() {
    if (evaluation_.is_reward_model()) return {{}, own_judgement()};
    return evaluation_.rewards().score(given_ ? given_->rollout() : evaluation_.answers().rollout);
  }

  /// Of the model itself: its output at the last token, with the shift that its folder records.
  std::vector<double> own_judgement() {
    parallel::ParallelContext& context = evaluation_.session().context();
    const HeldModel& model = evaluation_.model().model;
    const std::vector<size_t> own = own_rows(given_->sequences().size(), context);
    std::vector<std::vector<int32_t>> mine;
    for (const size_t number : own) mine.push_back(given_->sequences()[number]);
    const std::vector<float> made = model::reward(*model.decoder, mine);
    std::vector<double> scores(given_->sequences().size(), 0.0);
    for (size_t i = 0; i < own.size(); ++i)
      scores[own[i]] = static_cast<double>(made[i]) + model.info.reward_shift;
    if (context.gradients().size() > 1) parallel::all_reduce_numbers(context.gradients(), scores);
    return scores;
  }

  Evaluation& evaluation_;
  std::string key_;
  std::optional<GivenAnswers> given_;
};

}  // namespace

std::unique_ptr<Task> open_reward(Evaluation& evaluation) {
  return std::make_unique<RewardOfAnswers>(evaluation);
}

}  // namespace strata::trainer
