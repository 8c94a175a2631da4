// A byte-pair vocabulary: token texts, their ids, and the merges. Reads the `model` of a
// tokenizer.json (type BPE), byte-level (GPT-2, Llama 3, Qwen2) or of characters with bytes as a
// way out (Llama 2, Mistral). Turns one piece of text into ids; knows no special tokens and no way
// of cutting text into pieces.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "data/tokenizer/pair_table.h"
#include "data/tokenizer/word_cache.h"

namespace strata::data {

/// Lets a table of strings be asked with a string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TokenIds = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

class BpeModel {
 public:
  /// What an encoding thread needs of its own.
  struct Scratch {
    WordCache cache;
    std::vector<int32_t> word;
  };

  /// `model` is the model object of a tokenizer.json. UserError (kBadUsage) for what is damaged or
  /// not supported.
  BpeModel(const base::SortedJsonReader& model, bool byte_level);

  /// Appends the ids of one piece (valid UTF-8).
  void encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const;

  const TokenIds& ids() const { return ids_; }
  std::optional<int32_t> id_of(std::string_view token) const;
  std::optional<int32_t> unknown_id() const { return unknown_; }

 private:
  void read_vocabulary(const base::SortedJsonReader& model);
  void read_merges(const base::SortedJsonReader& model);
  void add_merge(const base::SortedJsonReader& model, uint32_t rank, std::string_view left,
                 std::string_view right);
  void index_symbols(const base::SortedJsonReader& model);

  void encode_word(std::string_view word, std::vector<int32_t>& out, Scratch& scratch) const;
  void append_bytes(std::string_view word, std::vector<int32_t>& symbols) const;
  void append_characters(std::string_view word, std::vector<int32_t>& symbols) const;

  bool byte_level_;
  bool byte_fallback_ = false, fuse_unknown_ = false, ignore_merges_ = false;
  bool mark_begins_word_ = true;  ///< no merge has a space mark behind another character
  std::optional<int32_t> unknown_;
  TokenIds ids_;
  PairTable merges_;
  std::array<int32_t, 256>
      byte_ids_;  ///< of single bytes: byte-level symbols or "<0xAB>"; -1 where missing
  std::unordered_map<uint32_t, int32_t> character_ids_;  ///< of single characters
  TokenIds whole_words_;  ///< bytes of each token, if whole words come before merges
};

}  // namespace strata::data
