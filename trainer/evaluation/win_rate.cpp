// Task win_rate: the model and another one (eval.against) answer the same questions, and the
// rewards say whose answer is better. A tie counts for half in win_rate.
#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/task.h"

namespace strata::trainer {
namespace {

class WinRate : public Task {
 public:
  explicit WinRate(Evaluation& evaluation)
      : evaluation_(evaluation), other_(open_other(evaluation)) {
    evaluation.respondent();
    rival_ = std::make_unique<Respondent>(evaluation.session(), other_);
    rival_->take_prompts(evaluation.rows());
    evaluation.rewards();
    if (same_text(evaluation.reader(), *rival_)) return;
    rival_rewards_ = std::make_unique<Scorer>(evaluation.config().rewards, "rewards",
                                              evaluation.reward_context(*rival_));
  }

  TaskResult run() override {
    const AnswerSet& ours = evaluation_.answers();
    const AnswerSet theirs = rival_->answer(1, evaluation_.answer_temperature());
    const Scores our_scores = evaluation_.rewards().score(ours.rollout);
    const Scores their_scores =
        (rival_rewards_ ? *rival_rewards_ : evaluation_.rewards()).score(theirs.rollout);

    const std::vector<JsonRow>& rows = evaluation_.rows();
    std::vector<double> wins, ties, losses, shares;
    TaskResult result;
    for (size_t i = 0; i < rows.size(); ++i) {
      const double ahead = our_scores.total[i] - their_scores.total[i];
      const auto when = [&](bool is) { return std::isnan(ahead) ? ahead : (is ? 1.0 : 0.0); };
      wins.push_back(when(ahead > 0));
      ties.push_back(when(ahead == 0));
      losses.push_back(when(ahead < 0));
      shares.push_back(wins.back() + ties.back() / 2);
      base::Json row = answers_row("win_rate", i, rows[i], nullptr, ours.of(i));
      row["against"] = theirs.texts[i];
      row["reward"] = our_scores.total[i];
      row["reward_against"] = their_scores.total[i];
      row["win_rate"] = shares.back();
      result.rows.push_back(std::move(row));
    }
    result.measures = {share_measure("win_rate", shares),
                       share_measure("win", wins),
                       share_measure("tie", ties),
                       share_measure("loss", losses),
                       mean_measure("reward", our_scores.total),
                       mean_measure("reward_against", their_scores.total),
                       {"stop_rate", ours.stop_rate()},
                       {"stop_rate_against", theirs.stop_rate()},
                       {"questions", static_cast<double>(rows.size())}};
    if (const int64_t missing = count_missing(shares); missing > 0)
      result.measures.push_back({"win_rate_missing", static_cast<double>(missing)});
    return result;
  }

 private:
  static OpenedModel open_other(Evaluation& evaluation) {
    evaluation.need_language_model("win_rate");
    const std::string& path = evaluation.config().eval.against;
    if (path.empty())
      throw base::UserError(base::kBadUsage,
                            "eval.against: win_rate compares with another model; name it");
    OpenedModel other = open_model(evaluation.session(), path);
    if (other.source.info.head == model::HeadKind::kLanguage) return other;
    throw base::UserError(base::kBadUsage,
                          fmt::format("eval.against: {} is a reward model; a language model is "
                                      "needed",
                                      path));
  }

  /// Whether ids of both mean the same, so that one set of opened rewards reads both.
  static bool same_text(const Respondent& a, const Respondent& b) {
    const bool both = a.codec() != nullptr && b.codec() != nullptr;
    return (both ? a.codec()->hash() == b.codec()->hash() : a.codec() == b.codec()) &&
           a.end_ids() == b.end_ids() && a.context() >= b.context();
  }

  Evaluation& evaluation_;
  OpenedModel other_;
  std::unique_ptr<Respondent> rival_;
  std::unique_ptr<Scorer> rival_rewards_;  ///< null: the evaluation's own
};

}  // namespace

std::unique_ptr<Task> open_win_rate(Evaluation& evaluation) {
  return std::make_unique<WinRate>(evaluation);
}

}  // namespace strata::trainer
