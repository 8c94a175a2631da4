// What happens to a text before it is cut: Unicode normalization (Qwen2), a mark for spaces (Llama
// 2, Mistral). Reads the `normalizer` of a tokenizer.json: NFC, Prepend, Replace and Sequences of
// them.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "data/tokenizer/regex.h"

namespace strata::data {

class Normalizer {
 public:
  Normalizer() = default;
  /// `root` is the whole tokenizer.json. UserError (kBadUsage) for a normalizer that is not
  /// supported.
  explicit Normalizer(const base::SortedJsonReader& root);

  bool empty() const { return steps_.empty(); }
  /// `text` must be valid UTF-8; so is the result.
  std::string apply(std::string_view text, RegexScratch& scratch) const;

 private:
  struct Nfc {};
  struct Prepend {
    std::string what;
  };
  struct ReplaceText {
    std::string what, by;
  };
  struct ReplacePattern {
    Regex what;
    std::string by;
  };
  std::vector<std::variant<Nfc, Prepend, ReplaceText, ReplacePattern>> steps_;
};

/// Every occurrence of `what` (not empty) replaced, from left to right.
std::string replace_all(std::string_view text, std::string_view what, std::string_view by);

}  // namespace strata::data
