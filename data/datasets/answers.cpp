#include "data/datasets/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "base/error.h"
#include "data/datasets/jsonl_rows.h"

namespace strata::data {

namespace {

RowFit worse(RowFit a, RowFit b) { return std::max(a, b); }

/// A prompt and its answers, each answer a row with all its tokens.
class AnswerRows : public JsonlRows {
 protected:
  AnswerRows(const std::filesystem::path& path, const DatasetContext& context, std::string what)
      : JsonlRows(path, context, std::move(what), context.sequence),
        codec_(prompt_codec_of(path, context)),
        prompt_key_(column("prompt")) {}

  std::string rules() const override { return rules_of(codec_); }

  const PromptCodec& codec() const { return codec_; }
  const std::string& prompt_key() const { return prompt_key_; }

  /// Appends one answer's row, cut as the rules say.
  RowFit add(const base::JsonReader& line, const std::string& key, MaskedIds masked,
             std::vector<Row>& rows) const {
    const FittedIds fitted = this->fitted(line, key, std::move(masked));
    rows.push_back(answer_row(fitted.masked));
    return fitted.fit;
  }

 private:
  PromptCodec codec_;
  std::string prompt_key_;
};

// ---- pairs

class Pairs : public AnswerRows {
 public:
  Pairs(const std::filesystem::path& path, const DatasetContext& context)
      : AnswerRows(path, context, "chosen+rejected"),
        chosen_key_(column("chosen")),
        rejected_key_(column("rejected")) {}

  int64_t rows_per_sample() const override { return 2; }

 private:
  RowFit read(const base::JsonReader& line, std::vector<Row>& rows) const override {
    RowFit fit = RowFit::kWhole;
    if (line.has(prompt_key())) {
      for (const std::string& key : {chosen_key_, rejected_key_})
        fit = worse(fit, add(line, key, codec().answered(line, prompt_key(), key), rows));
    } else {
      fit = read_conversations(line, rows);
    }
    const auto margin = static_cast<float>(line.number(column("margin"), 0.0));
    const auto weight = static_cast<float>(line.number(column("weight"), 1.0));
    if (!(weight >= 0)) line.refuse(column("weight"), "is below 0");
    const float tie = is_tie(line) ? 1.0f : 0.0f;
    for (Row& row : std::span(rows).last(2))
      row.columns = {{"margin", margin}, {"weight", weight}, {"tie", tie}};
    return fit;
  }

  RowFit read_conversations(const base::JsonReader& line, std::vector<Row>& rows) const {
    const Messages chosen = read_messages(line, chosen_key_);
    const Messages rejected = read_messages(line, rejected_key_);
    const auto differ =
        std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end()).first;
    const Messages prompt(chosen.begin(), differ);
    if (prompt.empty() || prompt.size() == chosen.size() || prompt.size() == rejected.size()) {
      line.refuse(rejected_key_, fmt::format("and '{}' should begin with the same turns and go on "
                                             "with different ones",
                                             chosen_key_));
    }
    RowFit fit = RowFit::kWhole;
    for (const auto& [key, whole] :
         {std::pair{chosen_key_, &chosen}, std::pair{rejected_key_, &rejected}}) {
      fit = worse(fit, add(line, key, codec().answered(RowText(prompt), RowText(*whole)), rows));
    }
    return fit;
  }

  bool is_tie(const base::JsonReader& line) const {
    const std::string tie = column("tie"), preference = column("preference");
    if (line.has(preference)) {
      const double value = line.number(preference);
      if (value != 0.5 && value != 1.0)
        line.refuse(preference, fmt::format("is {}; 1 (chosen) or 0.5 (a tie)", value));
      return value == 0.5;
    }
    return line.boolean(tie, false);
  }

  std::string chosen_key_, rejected_key_;
};

// ---- rankings

class Rankings : public AnswerRows {
 public:
  Rankings(const std::filesystem::path& path, const DatasetContext& context)
      : AnswerRows(path, context, "answers+ranks"),
        answers_key_(column("answers")),
        ranks_key_(column("ranks")) {}

  int64_t rows_per_sample() const override { return most_; }

  void get(int64_t sample, std::vector<Row>& rows) const override {
    std::vector<Row> answers;
    read_again(sample, answers);
    while (static_cast<int64_t>(answers.size()) < most_) answers.push_back(filler());
    std::ranges::move(answers, std::back_inserter(rows));
  }

 private:
  RowFit read(const base::JsonReader& line, std::vector<Row>& rows) const override {
    const base::Json& answers = line.array(answers_key_);
    const base::Json& ranks = line.array(ranks_key_);
    if (answers.size() < 2) line.refuse(answers_key_, "holds fewer than two answers");
    if (ranks.size() != answers.size()) {
      line.refuse(ranks_key_,
                  fmt::format("holds {} ranks for {} answers", ranks.size(), answers.size()));
    }
    const RowText prompt = read_row_text(line, prompt_key());
    RowFit fit = RowFit::kWhole;
    for (size_t i = 0; i < answers.size(); ++i) {
      if (!ranks[i].is_number() || ranks[i].get<double>() < 0)
        line.refuse(ranks_key_, "holds something else than numbers from 0 up");
      const base::Json answer{{answers_key_, answers[i]}};
      const base::JsonReader one(answer, line.source());
      const RowText text = read_row_text(one, answers_key_);
      fit = worse(fit, add(line, answers_key_, codec().answered(prompt, text), rows));
      rows.back().columns["rank"] = ranks[i].get<float>();
    }
    return fit;
  }

  void finish() override {
    std::vector<Row> rows;
    for (int64_t sample = 0; sample < size(); ++sample) {
      rows.clear();
      read_again(sample, rows);
      most_ = std::max(most_, static_cast<int64_t>(rows.size()));
    }
  }

  static Row filler() {
    Row row = one_document_row({0}, {kNoTarget});
    row.columns["rank"] = -1.0f;
    return row;
  }

  std::string answers_key_, ranks_key_;
  int64_t most_ = 2;
};

// ---- ratings

class Ratings : public AnswerRows {
 public:
  Ratings(const std::filesystem::path& path, const DatasetContext& context)
      : AnswerRows(path, context, "answer+rating"),
        answer_key_(column("answer")),
        rating_key_(column("rating")),
        grader_key_(column("grader")) {}

  void get(int64_t sample, std::vector<Row>& rows) const override {
    read_again(sample, rows);
    rows.back().columns["rating"] = ratings_[static_cast<size_t>(sample)];
  }

 private:
  RowFit read(const base::JsonReader& line, std::vector<Row>& rows) const override {
    const RowFit fit =
        add(line, answer_key_, codec().answered(line, prompt_key(), answer_key_), rows);
    rows.back().columns["rating"] = static_cast<float>(line.number(rating_key_));
    return fit;
  }

  void finish() override {
    std::map<std::string, std::vector<size_t>> by_grader;
    std::vector<Row> rows;
    for (int64_t sample = 0; sample < size(); ++sample) {
      rows.clear();
      read_again(sample, rows);
      ratings_.push_back(rows.back().columns["rating"]);
      const std::string grader = grader_of(sample);
      if (!grader.empty()) by_grader[grader].push_back(static_cast<size_t>(sample));
    }
    for (const auto& [grader, samples] : by_grader) normalize(samples);
  }

  std::string grader_of(int64_t sample) const {
    const base::Json json = line_of(sample);
    const auto found = json.find(grader_key_);
    if (found == json.end() || found->is_null()) return "";
    return found->is_string() ? found->get<std::string>() : found->dump();
  }

  void normalize(const std::vector<size_t>& samples) {
    double sum = 0, squares = 0;
    for (const size_t sample : samples) sum += ratings_[sample];
    const double mean = sum / static_cast<double>(samples.size());
    for (const size_t sample : samples) squares += std::pow(ratings_[sample] - mean, 2);
    const double deviation = std::sqrt(squares / static_cast<double>(samples.size()));
    for (const size_t sample : samples) {
      const double centred = ratings_[sample] - mean;
      ratings_[sample] = deviation > 0 ? static_cast<float>(centred / deviation) : 0.0f;
    }
  }

  std::string answer_key_, rating_key_, grader_key_;
  std::vector<float> ratings_;
};

// ---- good and bad answers

class Labelled : public AnswerRows {
 public:
  Labelled(const std::filesystem::path& path, const DatasetContext& context)
      : AnswerRows(path, context, "prompt+completion+label"),
        completion_key_(column("completion")),
        label_key_(column("label")) {}

  int64_t rows_per_sample() const override { return 2; }

  void get(int64_t sample, std::vector<Row>& rows) const override {
    read_again(sample, rows);
    rows.push_back(mismatched(sample));
    rows.back().columns = rows[rows.size() - 2].columns;
    rows.back().columns["kl"] = 1.0f;
  }

 private:
  RowFit read(const base::JsonReader& line, std::vector<Row>& rows) const override {
    const RowFit fit =
        add(line, completion_key_, codec().answered(line, prompt_key(), completion_key_), rows);
    rows.back().columns = {{"label", label_of(line)}, {"kl", 0.0f}};
    return fit;
  }

  float label_of(const base::JsonReader& line) const {
    const base::Json& label = line.at(label_key_);
    if (label.is_boolean()) return label.get<bool>() ? 1.0f : 0.0f;
    if (label.is_number() && (label.get<double>() == 0 || label.get<double>() == 1))
      return label.get<float>();
    line.refuse(label_key_, fmt::format("is {}; true or false", base::compact_json(label)));
  }

  /// This sample's prompt with the answer of the sample before it (the last one before the first),
  /// cut to what there is room for. Where prompts and answers are of different forms (a string
  /// here, messages there) the sample's own answer stands in.
  Row mismatched(int64_t sample) const {
    const int64_t before = (sample + size() - 1) % size();
    const base::Json own = line_of(sample), other = line_of(before);
    const std::string source = path().string();
    const RowText prompt = read_row_text({own, source}, prompt_key());
    RowText answer = read_row_text({other, source}, completion_key_);
    if (prompt.index() != answer.index()) answer = read_row_text({own, source}, completion_key_);
    MaskedIds masked = codec().answered(prompt, answer);
    if (static_cast<int64_t>(masked.ids.size()) > most_ids()) {
      masked.ids.resize(static_cast<size_t>(most_ids()));
      masked.trained.resize(static_cast<size_t>(most_ids()));
    }
    return answer_row(masked);
  }

  void finish() override {
    if (size() < 2) {
      throw base::UserError(base::kBadData,
                            path().string() +
                                ": two rows are needed at least: each prompt is also paired with "
                                "another row's answer");
    }
    for (int64_t sample = 0; sample < size(); ++sample)
      set_length(sample, std::max(length(sample), mismatched(sample).length()));
  }

  std::string completion_key_, label_key_;
};

}  // namespace

std::unique_ptr<Dataset> open_pairs(const std::filesystem::path& file,
                                    const DatasetContext& context) {
  return open_rows<Pairs>(file, context);
}

std::unique_ptr<Dataset> open_rankings(const std::filesystem::path& file,
                                       const DatasetContext& context) {
  return open_rows<Rankings>(file, context);
}

std::unique_ptr<Dataset> open_ratings(const std::filesystem::path& file,
                                      const DatasetContext& context) {
  return open_rows<Ratings>(file, context);
}

std::unique_ptr<Dataset> open_labelled(const std::filesystem::path& file,
                                       const DatasetContext& context) {
  return open_rows<Labelled>(file, context);
}

}  // namespace strata::data
