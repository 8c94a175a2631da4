#include "data/text_codec.h"

#include <limits>

#include "base/error.h"

namespace strata::data {

std::vector<uint16_t> token_bytes(const TextCodec& codec) {
  std::vector<uint16_t> bytes(static_cast<size_t>(codec.vocab_size()));
  for (size_t id = 0; id < bytes.size(); ++id) {
    const int64_t length = codec.byte_length(static_cast<int32_t>(id));
    base::ensure(length >= 0 && length <= std::numeric_limits<uint16_t>::max(),
                 "a token of more than 65,535 bytes");
    bytes[id] = static_cast<uint16_t>(length);
  }
  return bytes;
}

std::vector<int32_t> encode_with_end(const TextCodec& codec, std::string_view text) {
  if (text.empty()) return {};
  const std::optional<int32_t> end = codec.end_id();
  if (!end) {
    throw base::UserError(
        base::kBadUsage,
        "the tokenizer names no end token, and every document must close with one: set "
        "`eos_token` in tokenizer_config.json, or train the tokenizer with `end`");
  }
  std::vector<int32_t> ids = codec.encode_document(text);
  if (ids.empty() || ids.back() != *end) ids.push_back(*end);
  return ids;
}

}  // namespace strata::data
