// Task best_of_n: of eval.samples answers to a question the rewards choose the best one, the first
// among equals. Told are its reward and, where rows have answers, how often it is the right one.
#include <fmt/format.h>

#include <cmath>

#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/right_answers.h"
#include "trainer/evaluation/task.h"

namespace strata::trainer {
namespace {

/// Its number; of answers without a reward the first.
size_t best_of(std::span<const double> rewards) {
  size_t best = 0;
  for (size_t i = 1; i < rewards.size(); ++i) {
    if (rewards[i] > rewards[best] || (std::isnan(rewards[best]) && !std::isnan(rewards[i])))
      best = i;
  }
  return best;
}

class BestOfN : public Task {
 public:
  explicit BestOfN(Evaluation& evaluation)
      : evaluation_(evaluation), key_(evaluation.column("answer")) {
    evaluation.need_language_model("best_of_n");
    evaluation.respondent();
    evaluation.rewards();
    const std::vector<JsonRow>& rows = evaluation.rows();
    if (has_answers(rows, key_)) {
      right_.emplace(rows, key_, TextRules(evaluation.config().eval.ignore),
                     evaluation.reader().codec());
    }
  }

  TaskResult run() override {
    const AnswerSet& samples = evaluation_.samples();
    const Scores& scores = evaluation_.sample_scores();
    const std::string name = fmt::format("best@{}", samples.copies);
    const auto copies = static_cast<size_t>(samples.copies);
    std::vector<double> rewards, matches;
    TaskResult result;
    for (size_t i = 0; i < evaluation_.rows().size(); ++i) {
      const std::span<const double> own = std::span(scores.total).subspan(i * copies, copies);
      const size_t best = best_of(own);
      rewards.push_back(own[best]);
      const JsonRow& row = evaluation_.rows()[i];
      base::Json sample = answers_row("best_of_n", i, row, value_in(row, key_), samples.of(i));
      sample["rewards"] = own;
      sample["best"] = best;
      if (right_) {
        matches.push_back(right_->accepts(i, samples.of(i)[best]) ? 1 : 0);
        sample[name] = matches.back();
      }
      result.rows.push_back(std::move(sample));
    }
    if (right_) result.measures.push_back(share_measure(name, matches));
    merge(result.measures, {mean_measure(name + "_reward", rewards),
                            mean_measure("samples_reward", scores.total),
                            {"samples_stop_rate", samples.stop_rate()},
                            {"questions", static_cast<double>(rewards.size())}});
    return result;
  }

 private:
  Evaluation& evaluation_;
  std::string key_;
  std::optional<RightAnswers> right_;
};

}  // namespace

std::unique_ptr<Task> open_best_of_n(Evaluation& evaluation) {
  return std::make_unique<BestOfN>(evaluation);
}

}  // namespace strata::trainer
