// Tokens that stand beside the model's vocabulary and are found in a text as they are written:
// special tokens such as
// "<|end|>" and what a user added. Reads `added_tokens` of a tokenizer.json; gives ids as the
// `tokenizers` library does.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/bpe_model.h"
#include "data/tokenizer/normalizer.h"

namespace strata::data {

struct AddedToken {
  std::string content;
  bool single_word = false;  ///< only where no word character touches it
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< and behind it
  bool normalized = true;    ///< looked for in the normalized text, itself normalized
  bool special = false;      ///< left out when text is wanted without special tokens
};

/// Reads one entry of `added_tokens` or of tokenizer_config.json's added_tokens_decoder.
AddedToken read_added_token(const base::SortedJsonReader& entry);

class AddedTokens {
 public:
  /// A stretch of text: an added token's id, or text between tokens.
  using Use = std::function<void(std::optional<int32_t> id, TextSpan span)>;

  AddedTokens();
  ~AddedTokens();
  AddedTokens(const AddedTokens&) = delete;
  AddedTokens& operator=(const AddedTokens&) = delete;

  /// A token that the model has keeps its id there; another gets the next free one.
  void add(const AddedToken& token, const BpeModel& model);
  /// To be called once, after the last add().
  void index(const Normalizer& normalizer, RegexScratch& scratch);

  /// Cuts a text at the tokens that are looked for before normalization; in order, without gaps.
  void split_raw(std::string_view text, RegexScratch& scratch, const Use& use) const;
  /// The same in normalized text.
  void split_normalized(std::string_view text, RegexScratch& scratch, const Use& use) const;

  const std::map<int32_t, AddedToken>& by_id() const { return by_id_; }
  std::optional<int32_t> id_of(std::string_view content) const;
  bool is_special(int32_t id) const;

 private:
  class Matcher;
  std::map<int32_t, AddedToken> by_id_;
  TokenIds ids_;
  std::unique_ptr<Matcher> raw_, normalized_;
};

}  // namespace strata::data
