// Task exact_match: the share of questions whose answer is the one of the row.
#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/right_answers.h"
#include "trainer/evaluation/task.h"

namespace strata::trainer {
namespace {

class ExactMatch : public Task {
 public:
  explicit ExactMatch(Evaluation& evaluation)
      : evaluation_(evaluation),
        key_(evaluation.column("answer")),
        right_(evaluation.rows(), key_, TextRules(evaluation.config().eval.ignore),
               evaluation.reader().codec()) {
    evaluation.need_language_model("exact_match");
    evaluation.respondent();
  }

  TaskResult run() override {
    const AnswerSet& answers = evaluation_.answers();
    const std::vector<JsonRow>& rows = evaluation_.rows();
    std::vector<double> matches;
    TaskResult result;
    for (size_t i = 0; i < rows.size(); ++i) {
      matches.push_back(right_.accepts(i, answers.texts[i]) ? 1 : 0);
      base::Json row =
          answers_row("exact_match", i, rows[i], value_in(rows[i], key_), answers.of(i));
      row["exact_match"] = matches.back();
      result.rows.push_back(std::move(row));
    }
    result.measures = {share_measure("exact_match", matches),
                       {"stop_rate", answers.stop_rate()},
                       {"questions", static_cast<double>(rows.size())}};
    return result;
  }

 private:
  Evaluation& evaluation_;
  std::string key_;
  RightAnswers right_;
};

}  // namespace

std::unique_ptr<Task> open_exact_match(Evaluation& evaluation) {
  return std::make_unique<ExactMatch>(evaluation);
}

}  // namespace strata::trainer
