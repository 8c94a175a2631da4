// Ids back to text. Reads the `decoder` of a tokenizer.json: ByteLevel, Metaspace, Replace,
// ByteFallback, Fuse, Strip and Sequences of them, in the orders in which model folders have them.
// What a token adds to a text does not depend on its neighbours, but for three rules about the
// whole: bytes join into characters, the first token may lose its space marks, and leading
// characters may be stripped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace strata::data {

struct Component;

/// What one token adds to a text.
struct TokenPiece {
  std::string bytes;     ///< may be a part of a character
  bool is_lone = false;  ///< one byte, "<0xAB>" in the vocabulary
};

class Decoder {
 public:
  /// `root` is the whole tokenizer.json. UserError (kBadUsage) for a decoder that is not supported.
  explicit Decoder(const base::SortedJsonReader& root);

  /// What a token, as the vocabulary writes it, adds to a text at the beginning (`first`) or later.
  TokenPiece piece(std::string_view token, bool first) const;

 private:
  friend class TextAssembler;
  struct Replacement {
    std::string what, by;
  };
  void add(const Component& component);

  bool byte_symbols_ = false;   ///< tokens are spelled in byte symbols
  bool byte_fallback_ = false;  ///< tokens like "<0xAB>" are bytes
  bool fused_ = false;
  std::vector<Replacement> replacements_;
  std::string mark_;                ///< stands for a space ...
  bool first_loses_marks_ = false;  ///< ... but for nothing in the first token
  std::string separator_;           ///< between tokens
  std::string stripped_;            ///< a character that is stripped from the beginning, ...
  int64_t strip_count_ = 0;         ///< ... at most so often
};

/// Puts a text together token by token. Holds back bytes that may still become characters; what it
/// has given out and gives out at the end is the text of all tokens decoded at once.
class TextAssembler {
 public:
  explicit TextAssembler(const Decoder& decoder)
      : decoder_(&decoder), strip_left_(decoder.strip_count_) {}

  /// Adds a token and appends to `out` what is certain by now.
  void add(std::string_view token, std::string& out);
  /// Appends what was held back; cut characters become U+FFFD.
  void finish(std::string& out);

 private:
  void emit(std::string_view text, std::string& out);
  void emit_lone_bytes(std::string& out);

  const Decoder* decoder_;
  int64_t strip_left_;
  bool first_ = true;
  std::string held_;        ///< of byte symbols: the beginning of a character
  std::string lone_bytes_;  ///< neighbouring lone bytes: characters all of them, or U+FFFD each
};

}  // namespace strata::data
