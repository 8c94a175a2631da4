// Cuts a text into the pieces inside which byte-pair encoding merges. Reads the `pre_tokenizer` of
// a tokenizer.json: ByteLevel, Split, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit
// and Sequences of them. Pieces stay plain UTF-8 text: that ByteLevel also spells bytes as symbols
// is left to the model, which looks bytes up.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "data/tokenizer/regex.h"

namespace strata::data {

/// A text and the pieces of it that are left, in order. Steps that change characters move the text
/// into `own`.
struct Pieces {
  std::string_view text;
  std::vector<TextSpan> spans;
  bool at_start = true;  ///< the text begins where the user's text begins
  std::string own;
};

class PreTokenizer {
 public:
  /// `root` is the whole tokenizer.json. UserError (kBadUsage) for a pre-tokenizer that is not
  /// supported.
  explicit PreTokenizer(const base::SortedJsonReader& root);
  ~PreTokenizer();
  PreTokenizer(PreTokenizer&&) noexcept;

  /// Cuts `pieces.text`, which must be valid UTF-8; without any step it is one piece. Empty pieces
  /// are left out.
  void split(Pieces& pieces, RegexScratch& scratch) const;

  /// True if the model's vocabulary spells bytes (ByteLevel is there).
  bool byte_level() const { return byte_level_; }

  class Step;

 private:
  std::vector<std::unique_ptr<Step>> steps_;
  bool byte_level_ = false;
};

}  // namespace strata::data
