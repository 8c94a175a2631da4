// Prompts and answers of data rows as ids. Each is a string or a list of messages. Strings are
// taken as they are: prompt and answer are encoded apart, the end token follows the answer, and
// before the prompt stands what the tokenizer's own rules put there (BOS). Messages go through the
// chat template. Training, generation and scoring share these rules, so that a model is asked as it
// was taught. Knows no lengths and no batches.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "data/chat/chat_template.h"
#include "data/text_codec.h"

namespace strata::data {

using RowText = std::variant<std::string, Messages>;

/// The string or the list of {role, content} under `key`. Anything else is refused with the row's
/// place (kBadData).
RowText read_row_text(const base::JsonReader& row, const std::string& key);
Messages read_messages(const base::JsonReader& row, const std::string& key);

/// Drops what a template writes behind the last answer's end (ChatML's line feed): a model that
/// answers stops before it, and a reward is read where the answer ends.
void cut_behind_answer(MaskedIds& masked);

class PromptCodec {
 public:
  /// `chat` null: messages are refused (kBadUsage). Both borrowed.
  explicit PromptCodec(const TextCodec& codec, const ChatTemplate* chat = nullptr)
      : codec_(&codec), chat_(chat) {}

  /// What an answer is generated after; messages get the template's generation prompt. UserErrors
  /// here and below have no place; see the functions for rows.
  std::vector<int32_t> prompt(const RowText& prompt) const;

  /// Prompt and answer in one, the answer and its end token trained; nothing is behind that. After
  /// a prompt of messages an answer may be a string (an assistant's turn), the turns that follow,
  /// or the whole conversation again.
  MaskedIds answered(const RowText& prompt, const RowText& answer) const;

  /// All assistant turns are trained.
  MaskedIds conversation(const Messages& messages) const;

  /// Of a row; a complaint names the row's place and the key.
  std::vector<int32_t> prompt(const base::JsonReader& row, const std::string& key) const;
  MaskedIds answered(const base::JsonReader& row, const std::string& prompt_key,
                     const std::string& answer_key) const;
  MaskedIds conversation(const base::JsonReader& row, const std::string& key) const;

  /// Ends an answer: the template's stop token where `messages`, else the tokenizer's end token
  /// (kBadUsage if there is none).
  int32_t end_id(bool messages) const;

  const TextCodec& codec() const { return *codec_; }
  const ChatTemplate* chat() const { return chat_; }

 private:
  const ChatTemplate& need_chat() const;

  const TextCodec* codec_;
  const ChatTemplate* chat_;
};

}  // namespace strata::data
