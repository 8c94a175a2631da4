// Task multiple_choice: the model chooses what it finds likeliest to follow the question. acc takes
// the choice of the greatest log-probability, acc_norm of the greatest per byte of its text; among
// equals the first. The end token after a choice does not count.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "model/generator.h"
#include "parallel/comm/collectives.h"
#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/task.h"

namespace strata::trainer {
namespace {

struct Choices {
  size_t first = 0;             ///< number of its first choice among all
  std::vector<double> lengths;  ///< bytes of each choice, or ids where it has no text
  size_t right = 0;
};

/// The right choice: its number from 0, its letter, or its text.
size_t right_choice(const base::JsonReader& row, const std::string& key,
                    const base::Json& choices) {
  const base::Json& answer = row.at(key);
  size_t number = choices.size();
  if (answer.is_number_integer() && answer.get<int64_t>() >= 0) {
    number = answer.get<size_t>();
  } else if (answer.is_string()) {
    const auto text = answer.get<std::string>();
    const auto same = std::ranges::find(choices, answer);
    if (same != choices.end()) {
      number = static_cast<size_t>(same - choices.begin());
    } else if (text.size() == 1 && (text[0] | 0x20) >= 'a') {
      number = static_cast<size_t>((text[0] | 0x20) - 'a');
    }
  }
  if (number < choices.size()) return number;
  row.refuse(
      key,
      fmt::format("is {}; a number from 0 to {}, a letter from A to {} or the text of a "
                  "choice was expected",
                  answer.dump(), choices.size() - 1, static_cast<char>('A' + choices.size() - 1)));
}

class MultipleChoice : public Task {
 public:
  explicit MultipleChoice(Evaluation& evaluation)
      : evaluation_(evaluation), answer_key_(evaluation.column("answer")) {
    evaluation.need_language_model("multiple_choice");
    for (const JsonRow& row : evaluation.rows()) read(row);
  }

  TaskResult run() override {
    const std::vector<double> logprobs = choice_logprobs();
    const std::vector<JsonRow>& rows = evaluation_.rows();
    std::vector<double> right, right_per_byte;
    TaskResult result;
    for (size_t i = 0; i < questions_.size(); ++i) {
      const Choices& choices = questions_[i];
      const std::span<const double> sums =
          std::span(logprobs).subspan(choices.first, choices.lengths.size());
      std::vector<double> per_byte;
      for (size_t c = 0; c < sums.size(); ++c) per_byte.push_back(sums[c] / choices.lengths[c]);
      right.push_back(best_of(sums) == choices.right ? 1 : 0);
      right_per_byte.push_back(best_of(per_byte) == choices.right ? 1 : 0);

      base::Json responses = base::Json::array(), filtered = base::Json::array();
      for (const double sum : sums) {
        responses.push_back(base::Json::array({sum}));
        filtered.push_back(sum);
      }
      base::Json row = sample_row("multiple_choice", i, rows[i], choices.right,
                                  std::move(responses), std::move(filtered));
      row["acc"] = right.back();
      row["acc_norm"] = right_per_byte.back();
      result.rows.push_back(std::move(row));
    }
    result.measures = {share_measure("acc", right),
                       share_measure("acc_norm", right_per_byte),
                       {"questions", static_cast<double>(questions_.size())}};
    return result;
  }

 private:
  static size_t best_of(std::span<const double> values) {
    return static_cast<size_t>(std::ranges::max_element(values) - values.begin());
  }

  void read(const JsonRow& row) {
    const base::JsonReader reader(row.object, row.where);
    const std::string key = evaluation_.column("choices");
    const base::Json& choices = reader.array(key);
    if (choices.size() < 2) reader.refuse(key, "holds fewer than two choices");
    const std::vector<int32_t> prompt = evaluation_.reader().prompt_ids(row);
    Choices question{sequences_.size(), {}, right_choice(reader, answer_key_, choices)};
    for (const base::Json& choice : choices) {
      const bool is_text = choice.is_string();
      const auto text = is_text ? choice.get<std::string>() : std::string();
      const std::vector<int32_t> ids = evaluation_.reader().encoded(
          is_text ? base::Json(evaluation_.config().eval.delimiter + text) : choice, row, key);
      if (ids.empty()) reader.refuse(key, "holds a choice without a token");
      question.lengths.push_back(static_cast<double>(is_text ? text.size() : ids.size()));
      add_sequence(prompt, ids, row);
    }
    questions_.push_back(std::move(question));
  }

  void add_sequence(std::vector<int32_t> prompt, const std::vector<int32_t>& choice,
                    const JsonRow& row) {
    const int64_t context = evaluation_.reader().context();
    const int64_t beyond = static_cast<int64_t>(prompt.size() + choice.size()) - context;
    const bool cuts = evaluation_.config().data.too_long == "truncate" &&
                      beyond < static_cast<int64_t>(prompt.size());
    if (beyond > 0 && !cuts) {
      throw base::UserError(
          base::kBadData,
          fmt::format("{}: question and choice have {} tokens, more than the model's context of {}",
                      row.where, prompt.size() + choice.size(), context));
    }
    if (beyond > 0) prompt.erase(prompt.begin(), prompt.begin() + beyond);
    choice_begins_.push_back(prompt.size());
    prompt.insert(prompt.end(), choice.begin(), choice.end());
    sequences_.push_back(std::move(prompt));
  }

  /// Of every choice of every question, on every rank.
  std::vector<double> choice_logprobs() const {
    parallel::ParallelContext& context = evaluation_.session().context();
    const std::vector<size_t> own = own_rows(sequences_.size(), context);
    std::vector<std::vector<int32_t>> mine;
    for (const size_t number : own) mine.push_back(sequences_[number]);
    const auto scores = model::score(*evaluation_.model().model.decoder, mine);
    std::vector<double> logprobs(sequences_.size(), 0.0);
    for (size_t i = 0; i < own.size(); ++i) {
      const auto begin = static_cast<std::ptrdiff_t>(choice_begins_[own[i]]);
      logprobs[own[i]] = std::accumulate(scores[i].begin() + begin, scores[i].end(), 0.0);
    }
    if (context.gradients().size() > 1) parallel::all_reduce_numbers(context.gradients(), logprobs);
    return logprobs;
  }

  Evaluation& evaluation_;
  std::string answer_key_;
  std::vector<Choices> questions_;
  std::vector<std::vector<int32_t>> sequences_;  ///< of every choice: question and choice
  std::vector<size_t> choice_begins_;            ///< where the choice begins in its sequence
};

}  // namespace

std::unique_ptr<Task> open_multiple_choice(Evaluation& evaluation) {
  return std::make_unique<MultipleChoice>(evaluation);
}

}  // namespace strata::trainer
