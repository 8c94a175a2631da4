// Rewards that compare an answer with a column of its prompt's row: exact_match, contains, regex,
// number, and the length. Text is compared; a column of ids is compared with the answer's ids.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/tokenizer/regex.h"
#include "data/tokenizer/utf8.h"
#include "trainer/rewards/reward.h"

namespace strata::trainer {
namespace {

/// The last number of a text ("The sum is 1,234.5." -> 1234.5; "2e-3" -> 0.002; "1990-1995" ->
/// 1995); NaN: there is none.
double last_number(std::string_view text) {
  double last = std::nan("");
  const auto at = [&](size_t i) { return i < text.size() ? text[i] : '\0'; };
  const auto digit = [&](size_t i) { return at(i) >= '0' && at(i) <= '9'; };
  const auto word = [&](size_t i) {
    return digit(i) || ((at(i) | 0x20) >= 'a' && (at(i) | 0x20) <= 'z');
  };
  for (size_t i = 0; i < text.size();) {
    if (!digit(i) && !(at(i) == '.' && digit(i + 1))) {
      ++i;
      continue;
    }
    std::string number;
    if (i > 0 && text[i - 1] == '-' && (i == 1 || !word(i - 2))) number += '-';
    for (; digit(i) || ((at(i) == ',' || at(i) == '.') && digit(i + 1)); ++i)
      if (text[i] != ',') number += text[i];
    const size_t sign = at(i + 1) == '-' || at(i + 1) == '+' ? 1 : 0;
    if ((at(i) == 'e' || at(i) == 'E') && digit(i + 1 + sign)) {
      number += 'e';
      if (at(i + 1) == '-') number += '-';
      for (i += 1 + sign; digit(i); ++i) number += text[i];
    }
    std::from_chars(number.data(), number.data() + number.size(), last);
  }
  return last;
}

bool equal_numbers(double a, double b) {
  return std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b));
}

bool is_ids(const base::Json& value) {
  return value.is_array() &&
         std::ranges::all_of(value, [](const base::Json& id) { return id.is_number_integer(); });
}

/// A text, a number, or a list of texts of which any is right; nothing where it is something else.
std::vector<std::string> texts_in(const base::Json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_number()) return {value.dump()};
  const bool is_list = value.is_array() && std::ranges::all_of(value, [](const base::Json& text) {
                         return text.is_string();
                       });
  return is_list ? value.get<std::vector<std::string>>() : std::vector<std::string>();
}

class FunctionReward : public HostReward {
 public:
  FunctionReward(const RewardSource& source, const RewardContext& context)
      : HostReward(context.session, context.text), name_(source.function), field_(source.field) {}

  void check_row(const base::JsonReader& row) const override {
    if (name_ == "length") return;
    const base::Json& wanted = row.at(field_);
    if (name_ == "exact_match" && is_ids(wanted)) return;
    const std::vector<std::string> texts = texts_in(wanted);
    if (texts.empty())
      row.refuse(field_, fmt::format("is no text that {} could compare with", name_));
    if (text().codec() == nullptr)
      row.refuse(field_, "is text, and there is no tokenizer to make an answer text with");
    for (const std::string& one : texts) check_text(row, one);
  }

 protected:
  std::vector<double> score_own(std::span<const Answer* const> answers) override {
    std::vector<double> scores;
    for (const Answer* answer : answers) scores.push_back(score_one(*answer));
    return scores;
  }

 private:
  void check_text(const base::JsonReader& row, const std::string& wanted) const {
    if (name_ == "number" && std::isnan(last_number(wanted))) row.refuse(field_, "holds no number");
    if (name_ != "regex") return;
    try {
      compiled(wanted);
    } catch (const base::UserError& error) {
      row.refuse(field_, fmt::format("does not work: {}", error.what()));
    }
  }

  double score_one(const Answer& answer) {
    const std::span<const int32_t> ids = text().ids(answer);
    if (name_ == "length") return static_cast<double>(ids.size());
    const base::Json row = base::parse_json(answer.prompt->row, "a prompt's row");
    const base::Json& wanted = row.at(field_);
    if (is_ids(wanted)) return std::ranges::equal(ids, wanted.get<std::vector<int32_t>>()) ? 1 : 0;
    const std::string said = text().completion(answer);
    const bool is_right = std::ranges::any_of(
        texts_in(wanted), [&](const std::string& expected) { return fits(said, expected); });
    return is_right ? 1 : 0;
  }

  bool fits(const std::string& said, const std::string& expected) {
    if (name_ == "exact_match") return said == expected;
    if (name_ == "contains") return said.find(expected) != std::string::npos;
    if (name_ == "number") return equal_numbers(last_number(said), last_number(expected));
    data::TextSpan match{};
    try {
      return pattern(expected).find(data::replace_bad_utf8(said), 0, match, scratch_);
    } catch (const base::UserError&) {
      return false;  // the matcher gave up: an answer must not end the run
    }
  }

  data::Regex compiled(const std::string& text) const {
    return data::Regex(text, "regex", data::RegexDialect::kPcre2);
  }

  const data::Regex& pattern(const std::string& text) {
    const auto found = patterns_.find(text);
    if (found != patterns_.end()) return found->second;
    return patterns_.emplace(text, compiled(text)).first->second;
  }

  std::string name_, field_;
  std::map<std::string, data::Regex> patterns_;
  data::RegexScratch scratch_;
};

}  // namespace

std::unique_ptr<Reward> open_function_reward(const RewardSource& source, const std::string&,
                                             const RewardContext& context) {
  return std::make_unique<FunctionReward>(source, context);
}

}  // namespace strata::trainer
