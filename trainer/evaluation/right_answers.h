// The right answers of rows and whether a text is one of them. Texts are compared without the
// blanks around them, and otherwise as they are, but for what eval.ignore passes over.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/use/rows.h"

namespace strata::data {
class Tokenizer;
}

namespace strata::trainer {

class TextRules {
 public:
  /// Of "case", "whitespace" (runs of blanks count as one space) and "punctuation"; of ASCII alone.
  explicit TextRules(const std::vector<std::string>& ignore);
  /// Equal for texts that count as equal.
  std::string normal(std::string_view text) const;

 private:
  bool case_, whitespace_, punctuation_;
};

class RightAnswers {
 public:
  /// Under `key` each row has a string, a number, or a list of strings of which any is right;
  /// without a tokenizer a list of ids. UserError (kBadData) with FILE:LINE.
  RightAnswers(const std::vector<JsonRow>& rows, const std::string& key, const TextRules& rules,
               const data::Tokenizer* codec);
  bool accepts(size_t row, std::string_view text) const;

 private:
  TextRules rules_;
  std::vector<std::vector<std::string>> accepted_;  ///< in normal form
};

/// Whether rows have right answers: the first one decides for all.
bool has_answers(const std::vector<JsonRow>& rows, const std::string& key);

}  // namespace strata::trainer
