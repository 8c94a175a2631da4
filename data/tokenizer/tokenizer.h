// The tokenizer: text to ids and back, as the Hugging Face `tokenizers` library does it, from a
// tokenizer.json.
//   const auto tokenizer = Tokenizer::load("runs/tokenizer");
//   const std::vector<int32_t> ids = tokenizer.encode("Let there be light");
// How the steps work is in the files beside this one: added_tokens, normalizer, pre_tokenizer,
// bpe_model, decoder. Carries the chat template through as text; knows nothing of conversations.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "data/text_codec.h"
#include "data/tokenizer/tokenizer_files.h"

namespace strata::data {

class Tokenizer : public TextCodec {
 public:
  /// `path` is a folder or a tokenizer.json. UserError (kBadUsage) if it is missing, damaged, or
  /// holds a component that is not supported, which is named.
  static Tokenizer load(const base::fs::path& path);
  explicit Tokenizer(TokenizerFiles files);
  ~Tokenizer() override;
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// Special tokens in the text are recognised; with `add_special` those that the tokenizer's own
  /// rules put around a text (BOS) are added. Bytes that are not UTF-8 are read as U+FFFD. May be
  /// called by several threads at once.
  std::vector<int32_t> encode(std::string_view text, bool add_special = false) const;
  std::vector<int32_t> encode_document(std::string_view text) const override;
  std::vector<int32_t> encode_text(std::string_view text) const override { return encode(text); }

  /// The text of ids with special tokens written out. Ids without a token add nothing.
  std::string decode(std::span<const int32_t> ids) const override;
  /// The same without special tokens.
  std::string decode_plain(std::span<const int32_t> ids) const;

  /// Every id is below this: the highest id + 1.
  int64_t vocab_size() const override;
  std::optional<int32_t> id_of(std::string_view token) const override;
  /// As the vocabulary writes it ("Ġlight"); empty for an id without a token.
  std::string_view token_of(int32_t id) const;
  bool is_special(int32_t id) const;
  int64_t byte_length(int32_t id) const override;

  /// The token that ends a document or an answer.
  std::optional<int32_t> end_id() const override;
  std::optional<int32_t> pad_id() const;
  /// The beginning token, if the files name one; put before a text only as added_before() says.
  std::optional<int32_t> bos_id() const override;
  /// What encode(text, true) adds.
  std::span<const int32_t> added_before() const;
  std::span<const int32_t> added_behind() const;

  std::string hash() const override;

  /// Jinja text, empty if there is none.
  const std::string& chat_template() const;
  void set_chat_template(std::string text);
  /// Writes tokenizer.json, tokenizer_config.json and what else was read, for `tokenizers` and
  /// transformers' AutoTokenizer.
  void save(const base::fs::path& folder) const;

 private:
  friend class StreamDecoder;
  std::string assemble(std::span<const int32_t> ids, bool keep_special) const;

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Text of a running generation, token by token: gives out whole characters only. What it gave out
/// and finish() together are the text that decode (or decode_plain) has for all ids. The tokenizer
/// must outlive it.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool keep_special = false);
  ~StreamDecoder();
  StreamDecoder(StreamDecoder&&) noexcept;

  /// The text that is certain after one more token; may be empty.
  std::string push(int32_t id);
  /// What was held back.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::data
