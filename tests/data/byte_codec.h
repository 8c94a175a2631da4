// Shared by the tests of data: the simplest of tokenizers.
#pragma once

#include <string>
#include <vector>

#include "data/text_codec.h"

namespace strata::data {

/// A token a byte; 256 ends a document.
class ByteCodec : public TextCodec {
 public:
  static constexpr int32_t kEnd = 256;
  explicit ByteCodec(std::string hash = "bytes") : hash_(std::move(hash)) {}

  std::vector<int32_t> encode_document(std::string_view text) const override {
    std::vector<int32_t> ids;
    for (char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::vector<int32_t> encode_text(std::string_view text) const override {
    return encode_document(text);
  }
  std::string decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (int32_t id : ids)
      text += id == kEnd ? std::string("<|end|>") : std::string(1, static_cast<char>(id));
    return text;
  }
  int64_t vocab_size() const override { return 257; }
  std::optional<int32_t> end_id() const override { return kEnd; }
  std::optional<int32_t> bos_id() const override { return std::nullopt; }
  std::optional<int32_t> id_of(std::string_view token) const override {
    if (token == "<|end|>") return kEnd;
    return std::nullopt;
  }
  std::string hash() const override { return hash_; }
  int64_t byte_length(int32_t id) const override { return id == kEnd ? 0 : 1; }

 private:
  std::string hash_;
};

}  // namespace strata::data
