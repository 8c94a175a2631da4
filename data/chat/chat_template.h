// Chat templates: from a conversation to token ids, together with the mask of what is trained, so
// that ids and mask cannot drift apart. The ids are those of transformers' apply_chat_template with
// the template's Jinja text, which goes into model folders. There are five: chatml, llama2, llama3,
// mistral and plain; a new one is a row of the table in chat_styles.cpp. Knows no files and no
// rows.
//   const ChatTemplate chat("chatml", tokenizer);
//   chat.render({{"user", "Hi"}, {"assistant", "Hello"}}).ids
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/text_codec.h"

namespace strata::data {

struct ChatStyle;  // chat_styles.h

struct Message {
  std::string role;  ///< system (only the first), user or assistant
  std::string content;
  bool operator==(const Message&) const = default;
};
using Messages = std::vector<Message>;

/// Ids, and for each whether it is trained: an answer's tokens and the token that ends it, never a
/// prompt's.
struct MaskedIds {
  std::vector<int32_t> ids;
  std::vector<bool> trained;
};

class ChatTemplate {
 public:
  /// UserError (kBadUsage) for an unknown name, and where the tokenizer lacks tokens that the
  /// template is made of: it names them. Borrows the codec.
  ChatTemplate(std::string_view name, const TextCodec& codec);

  /// What `sft.template` asks for: a name, or "auto" = the tokenizer's own template (`jinja`, its
  /// text, where it is known to write the same as one of ours: jinja_forms.h), else plain. An own
  /// template that cannot be used is complained of where messages are rendered, as rows without
  /// messages need none. BOS stands where the own text writes it.
  static ChatTemplate choose(std::string_view setting, std::string_view jinja,
                             const TextCodec& codec);

  /// Turns before message number `first_trained` are prompt whoever speaks; with
  /// `add_generation_prompt` the ids end where an answer is to begin. UserError (kBadData, without
  /// a place) where the template has no form for the order of roles.
  MaskedIds render(const Messages& messages, size_t first_trained = 0,
                   bool add_generation_prompt = false) const;

  /// False where render() would refuse whatever it is given.
  bool usable() const { return refusal_.empty(); }
  std::string_view name() const;
  /// Text for tokenizer_config.json's `chat_template`.
  std::string jinja() const;
  /// The token that ends an assistant's turn; -1 where not usable().
  int32_t stop_id() const { return stop_id_; }

 private:
  ChatTemplate(const TextCodec& codec, std::string refusal)
      : codec_(&codec), refusal_(std::move(refusal)) {}

  /// What the tokenizer's own text does where ours would do otherwise.
  void follow(bool begins, bool system);

  const ChatStyle* style_ = nullptr;
  const TextCodec* codec_;
  std::string begin_, end_;  ///< as text: what opens a conversation (BOS or nothing), the end token
  int32_t stop_id_ = -1;
  bool takes_system_ = true;
  std::string refusal_;  ///< why nothing can be rendered
};

/// chatml, llama2, llama3, mistral, plain.
std::vector<std::string> chat_template_names();

}  // namespace strata::data
