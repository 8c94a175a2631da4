// Writes the files of a byte-level tokenizer in Hugging Face's form: the vocabulary begins with the
// special tokens, then come the 256 bytes in the order of their symbols, then one token per merge.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/tokenizer/tokenizer_files.h"
#include "data/tokenizer/train_config.h"

namespace strata::data {

class TokenizerDraft {
 public:
  /// A vocabulary of special tokens and bytes, with the pattern of the config.
  explicit TokenizerDraft(const TokenizerTrainConfig& config);

  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }
  int32_t byte_id(uint8_t byte) const { return byte_ids_[byte]; }
  void add_merge(int32_t left, int32_t right);

  std::string tokenizer_json() const;
  TokenizerFiles files() const;

 private:
  TokenizerTrainConfig config_;
  std::vector<std::string> special_, tokens_;  ///< tokens_ by id
  std::array<int32_t, 256> byte_ids_;
  std::vector<std::pair<int32_t, int32_t>> merges_;
};

}  // namespace strata::data
