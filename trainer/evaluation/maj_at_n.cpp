// Task maj_at_n: of eval.samples answers to a question the one given most often counts, of equally
// frequent ones the one that came first; told is how often it is the right one.
#include <fmt/format.h>

#include <algorithm>

#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/right_answers.h"
#include "trainer/evaluation/task.h"

namespace strata::trainer {
namespace {

class MajorityAtN : public Task {
 public:
  explicit MajorityAtN(Evaluation& evaluation)
      : evaluation_(evaluation),
        key_(evaluation.column("answer")),
        rules_(evaluation.config().eval.ignore),
        right_(evaluation.rows(), key_, rules_, evaluation.reader().codec()) {
    evaluation.need_language_model("maj_at_n");
    evaluation.respondent();
  }

  TaskResult run() override {
    const AnswerSet& samples = evaluation_.samples();
    const std::string name = fmt::format("maj@{}", samples.copies);
    std::vector<double> matches, agreements;
    TaskResult result;
    for (size_t i = 0; i < evaluation_.rows().size(); ++i) {
      const JsonRow& row = evaluation_.rows()[i];
      const auto [winner, votes] = elected(samples.of(i));
      matches.push_back(right_.accepts(i, winner) ? 1 : 0);
      agreements.push_back(static_cast<double>(votes) / static_cast<double>(samples.copies));
      base::Json sample = answers_row("maj_at_n", i, row, value_in(row, key_), samples.of(i));
      sample["majority"] = winner;
      sample[name] = matches.back();
      result.rows.push_back(std::move(sample));
    }
    result.measures = {share_measure(name, matches),
                       share_measure(name + "_agreement", agreements),
                       {"samples_stop_rate", samples.stop_rate()},
                       {"questions", static_cast<double>(matches.size())}};
    return result;
  }

 private:
  struct Elected {
    std::string text;
    int64_t votes;
  };
  Elected elected(std::span<const std::string> texts) const {
    std::vector<std::string> normal;
    for (const std::string& text : texts) normal.push_back(rules_.normal(text));
    size_t winner = 0;
    std::ptrdiff_t most = 0;
    for (size_t i = 0; i < normal.size(); ++i) {
      const std::ptrdiff_t votes = std::ranges::count(normal, normal[i]);
      if (votes <= most) continue;
      most = votes;
      winner = i;
    }
    return {texts[winner], most};
  }

  Evaluation& evaluation_;
  std::string key_;
  TextRules rules_;
  RightAnswers right_;
};

}  // namespace

std::unique_ptr<Task> open_maj_at_n(Evaluation& evaluation) {
  return std::make_unique<MajorityAtN>(evaluation);
}

}  // namespace strata::trainer
