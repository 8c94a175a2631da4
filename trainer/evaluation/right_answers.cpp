#include "trainer/evaluation/right_answers.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "data/tokenizer/tokenizer.h"
#include "trainer/evaluation/respondent.h"

namespace strata::trainer {
namespace {

bool is_ascii_blank(char c) {
  return std::string_view(" \t\r\n\f\v").find(c) != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_ascii_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ascii_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> answers_in(const base::JsonReader& row, const std::string& key,
                                    const data::Tokenizer* codec) {
  const base::Json& value = row.at(key);
  const auto all_are = [&](bool (base::Json::*is)() const noexcept) {
    return value.is_array() && !value.empty() &&
           std::ranges::all_of(value, [&](const base::Json& item) { return (item.*is)(); });
  };
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_number()) return {value.dump()};
  if (all_are(&base::Json::is_string)) return value.get<std::vector<std::string>>();
  if (codec == nullptr && all_are(&base::Json::is_number_integer))
    return {text_of_ids(nullptr, value.get<std::vector<int32_t>>())};
  row.refuse(key, "is no answer: a string, a number or a list of strings was expected");
}

}  // namespace

TextRules::TextRules(const std::vector<std::string>& ignore)
    : case_(std::ranges::count(ignore, "case") > 0),
      whitespace_(std::ranges::count(ignore, "whitespace") > 0),
      punctuation_(std::ranges::count(ignore, "punctuation") > 0) {}

std::string TextRules::normal(std::string_view text) const {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_ascii = byte < 0x80;
    if (punctuation_ && is_ascii && std::ispunct(byte) != 0) continue;
    if (whitespace_ && is_ascii_blank(c)) {
      if (!result.empty() && result.back() != ' ') result += ' ';
      continue;
    }
    result += case_ && is_ascii ? static_cast<char>(std::tolower(byte)) : c;
  }
  return std::string(trimmed(result));
}

RightAnswers::RightAnswers(const std::vector<JsonRow>& rows, const std::string& key,
                           const TextRules& rules, const data::Tokenizer* codec)
    : rules_(rules) {
  for (const JsonRow& row : rows) {
    std::vector<std::string>& accepted = accepted_.emplace_back();
    for (const std::string& text : answers_in(base::JsonReader(row.object, row.where), key, codec))
      accepted.push_back(rules.normal(text));
  }
}

bool RightAnswers::accepts(size_t row, std::string_view text) const {
  return std::ranges::count(accepted_[row], rules_.normal(text)) > 0;
}

bool has_answers(const std::vector<JsonRow>& rows, const std::string& key) {
  return base::JsonReader(rows.front().object, rows.front().where).has(key);
}

}  // namespace strata::trainer
