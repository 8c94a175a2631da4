// Task pass_at_k: the chance that at least one of k answers to a question is right, estimated
// without bias from the eval.samples answers that it got. Right is what equals the row's answer,
// or, where rows have none, what the rewards give 0.5 or more.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/right_answers.h"
#include "trainer/evaluation/task.h"

namespace strata::trainer {
namespace {

constexpr double kRightFrom = 0.5;  // of a reward

class PassAtK : public Task {
 public:
  explicit PassAtK(Evaluation& evaluation)
      : evaluation_(evaluation), key_(evaluation.column("answer")) {
    evaluation.need_language_model("pass_at_k");
    const EvalSection& eval = evaluation.config().eval;
    for (const int64_t k : eval.k) {
      if (k > eval.samples) {
        throw base::UserError(
            base::kBadUsage, fmt::format("eval.k: pass@{} needs at least {} answers to a question; "
                                         "eval.samples is {}",
                                         k, k, eval.samples));
      }
    }
    evaluation.respondent();
    const std::vector<JsonRow>& rows = evaluation.rows();
    if (has_answers(rows, key_)) {
      right_.emplace(rows, key_, TextRules(eval.ignore), evaluation.reader().codec());
    } else {
      evaluation.rewards();
    }
  }

  TaskResult run() override {
    const AnswerSet& samples = evaluation_.samples();
    const std::vector<int64_t> correct = correct_of_questions(samples);
    TaskResult result;
    for (size_t i = 0; i < correct.size(); ++i) {
      const JsonRow& row = evaluation_.rows()[i];
      result.rows.push_back(answers_row("pass_at_k", i, row, value_in(row, key_), samples.of(i)));
      result.rows.back()["correct"] = correct[i];
    }
    for (const int64_t k : evaluation_.config().eval.k) {
      const std::string name = fmt::format("pass@{}", k);
      std::vector<double> chances;
      for (size_t i = 0; i < correct.size(); ++i) {
        chances.push_back(pass_at_k(samples.copies, correct[i], k));
        result.rows[i][name] = chances.back();
      }
      result.measures.push_back(share_measure(name, chances));
    }
    merge(result.measures, {{"samples_stop_rate", samples.stop_rate()},
                            {"questions", static_cast<double>(correct.size())}});
    return result;
  }

 private:
  std::vector<int64_t> correct_of_questions(const AnswerSet& samples) {
    std::vector<int64_t> correct(static_cast<size_t>(samples.questions()), 0);
    const auto copies = static_cast<size_t>(samples.copies);
    const Scores* scores = right_ ? nullptr : &evaluation_.sample_scores();
    for (size_t n = 0; n < samples.texts.size(); ++n) {
      const size_t question = n / copies;
      const bool is_right = right_ ? right_->accepts(question, samples.texts[n])
                                   : scores->total[n] >= kRightFrom;  // no reward: wrong
      correct[question] += is_right ? 1 : 0;
    }
    return correct;
  }

  Evaluation& evaluation_;
  std::string key_;
  std::optional<RightAnswers> right_;
};

}  // namespace

std::unique_ptr<Task> open_pass_at_k(Evaluation& evaluation) {
  return std::make_unique<PassAtK>(evaluation);
}

}  // namespace strata::trainer
