// The little that data needs to know of a tokenizer, so that datasets and shards can be built and
// tested without one. Tokenizer files, templates and training of tokenizers are behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::data {

/// Text to ids and back. All methods may be called from several threads.
class TextCodec {
 public:
  virtual ~TextCodec() = default;

  /// Ids of a document as a training text: special tokens in the text are recognised, those that
  /// the tokenizer's own rules put before a text (BOS) are there, no end token is added. Bytes
  /// that are not UTF-8 are read as U+FFFD.
  virtual std::vector<int32_t> encode_document(std::string_view text) const = 0;
  /// The same without what the rules put there.
  virtual std::vector<int32_t> encode_text(std::string_view text) const = 0;
  virtual std::string decode(std::span<const int32_t> ids) const = 0;

  /// Every id is below this.
  virtual int64_t vocab_size() const = 0;
  virtual std::optional<int32_t> end_id() const = 0;
  virtual std::optional<int32_t> bos_id() const = 0;
  virtual std::optional<int32_t> id_of(std::string_view token) const = 0;
  /// Equal for tokenizers that give equal ids on every text.
  virtual std::string hash() const = 0;
  /// Bytes of text that a token stands for; 0 for special tokens.
  virtual int64_t byte_length(int32_t id) const = 0;
};

/// byte_length of every id, as shards keep it and rows are counted with.
std::vector<uint16_t> token_bytes(const TextCodec& codec);

/// A document as it stands in a training stream: encode_document and the end token (kBadUsage if
/// the tokenizer has none). Empty text gives an empty result: it says nothing and leaves no end
/// token behind.
std::vector<int32_t> encode_with_end(const TextCodec& codec, std::string_view text);

}  // namespace strata::data
