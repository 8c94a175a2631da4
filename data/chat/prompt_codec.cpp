#include "data/chat/prompt_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace strata::data {
namespace {

using base::JsonReader;
using base::UserError;

const Messages* messages_in(const RowText& text) { return std::get_if<Messages>(&text); }

const std::string& string_in(const RowText& text) { return std::get<std::string>(text); }

/// The turns of an answer to `prompt`: a string is the assistant's, a list may repeat the prompt.
Messages turns_of(const RowText& answer, const Messages& prompt) {
  const Messages* turns = messages_in(answer);
  if (turns == nullptr) return {{"assistant", string_in(answer)}};
  const bool repeats =
      turns->size() > prompt.size() && std::equal(prompt.begin(), prompt.end(), turns->begin());
  const auto own = static_cast<std::ptrdiff_t>(repeats ? prompt.size() : 0);
  return {turns->begin() + own, turns->end()};
}

/// Calls `make` and gives its complaint the place of the row.
template <class Make>
auto at_row(const JsonReader& row, const std::string& key, const Make& make) {
  try {
    return make();
  } catch (const UserError& error) {
    if (error.exit_code != base::kBadData) throw;
    row.refuse(key, fmt::format("cannot be used: {}", error.what()));
  }
}

Message read_message(const JsonReader& row, const std::string& key, const base::Json& item,
                     size_t number) {
  const auto refuse = [&](const std::string& why) {
    row.refuse(key, fmt::format("message {} {}", number, why));
  };
  if (!item.is_object()) refuse("is no {\"role\": ..., \"content\": ...}");
  Message message;
  for (const auto& [field, value] :
       {std::pair{"role", &message.role}, std::pair{"content", &message.content}}) {
    const auto found = item.find(field);
    if (found == item.end() || !found->is_string())
      refuse(fmt::format("has no string under '{}'", field));
    *value = found->get<std::string>();
  }
  if (message.role != "user" && message.role != "assistant" && message.role != "system")
    refuse(fmt::format("has the role '{}'; there are system, user and assistant", message.role));
  if (message.role == "system" && number > 0) refuse("is the system's, which speaks first or not");
  return message;
}

}  // namespace

Messages read_messages(const JsonReader& row, const std::string& key) {
  Messages messages;
  for (const base::Json& item : row.array(key))
    messages.push_back(read_message(row, key, item, messages.size()));
  if (messages.empty()) row.refuse(key, "holds no messages");
  return messages;
}

RowText read_row_text(const JsonReader& row, const std::string& key) {
  const base::Json& value = row.at(key);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) return read_messages(row, key);
  row.refuse(key, fmt::format("holds {} {}; a string or a list of messages was expected",
                              value.is_object() ? "an" : "a", value.type_name()));
}

void cut_behind_answer(MaskedIds& masked) {
  while (!masked.trained.empty() && !masked.trained.back()) {
    masked.trained.pop_back();
    masked.ids.pop_back();
  }
}

const ChatTemplate& PromptCodec::need_chat() const {
  if (chat_ != nullptr) return *chat_;
  throw UserError(base::kBadUsage,
                  "messages need a chat template, and the model's tokenizer has none: set "
                  "sft.template");
}

int32_t PromptCodec::end_id(bool messages) const {
  if (messages) return need_chat().stop_id();
  if (const auto end = codec_->end_id()) return *end;
  throw UserError(base::kBadUsage,
                  "the tokenizer names no end token, and every answer must close with one: set "
                  "`eos_token` in tokenizer_config.json, or train the tokenizer with `end`");
}

std::vector<int32_t> PromptCodec::prompt(const RowText& prompt) const {
  if (const Messages* messages = messages_in(prompt))
    return need_chat().render(*messages, 0, /*add_generation_prompt=*/true).ids;
  return codec_->encode_document(string_in(prompt));
}

MaskedIds PromptCodec::answered(const RowText& prompt, const RowText& answer) const {
  if (const Messages* before = messages_in(prompt)) {
    Messages all = *before;
    for (Message& turn : turns_of(answer, *before)) all.push_back(std::move(turn));
    MaskedIds result = need_chat().render(all, before->size());
    cut_behind_answer(result);
    return result;
  }
  if (messages_in(answer) != nullptr)
    throw UserError(base::kBadData, "the answer is messages, but the prompt is a string");
  MaskedIds result{this->prompt(prompt), {}};
  result.trained.assign(result.ids.size(), false);
  const std::vector<int32_t> answer_ids = codec_->encode_text(string_in(answer));
  result.ids.insert(result.ids.end(), answer_ids.begin(), answer_ids.end());
  result.ids.push_back(end_id(false));
  result.trained.resize(result.ids.size(), true);
  return result;
}

MaskedIds PromptCodec::conversation(const Messages& messages) const {
  return need_chat().render(messages);
}

std::vector<int32_t> PromptCodec::prompt(const JsonReader& row, const std::string& key) const {
  const RowText text = read_row_text(row, key);
  return at_row(row, key, [&] { return prompt(text); });
}

MaskedIds PromptCodec::answered(const JsonReader& row, const std::string& prompt_key,
                                const std::string& answer_key) const {
  const RowText prompt = read_row_text(row, prompt_key);
  const RowText answer = read_row_text(row, answer_key);
  return at_row(row, answer_key, [&] { return answered(prompt, answer); });
}

MaskedIds PromptCodec::conversation(const JsonReader& row, const std::string& key) const {
  const Messages messages = read_messages(row, key);
  return at_row(row, key, [&] { return conversation(messages); });
}

}  // namespace strata::data
