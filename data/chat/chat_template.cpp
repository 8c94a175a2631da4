#include "data/chat/chat_template.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "data/chat/chat_styles.h"
#include "data/chat/jinja_forms.h"

namespace strata::data {
namespace {

using base::UserError;

const ChatStyle& style_named(std::string_view name) {
  for (const ChatStyle& style : chat_styles()) {
    if (style.name == name) return style;
  }
  throw UserError(base::kBadUsage,
                  fmt::format("there is no chat template '{}'{}; there are {}", name,
                              base::did_you_mean(name, chat_template_names()),
                              fmt::join(chat_template_names(), ", ")));
}

void require_tokens(const ChatStyle& style, const TextCodec& codec) {
  std::vector<std::string_view> missing;
  for (const std::string_view token : style.tokens) {
    if (!codec.id_of(token)) missing.push_back(token);
  }
  if (missing.empty()) return;
  throw UserError(
      base::kBadUsage,
      fmt::format("the chat template {} is made of tokens that the tokenizer lacks: {}. Train one "
                  "with tokenizer.train.special: [\"{}\"], or set sft.template: plain, which needs "
                  "none but the end token",
                  style.name, fmt::join(missing, ", "), fmt::join(style.tokens, "\", \"")));
}

std::string text_of_token(const TextCodec& codec, int32_t id) { return codec.decode({&id, 1}); }

/// Whether the tokenizer's own rules put BOS before a text.
bool begins_texts(const TextCodec& codec) {
  const std::vector<int32_t> nothing = codec.encode_document("");
  return codec.bos_id() && !nothing.empty() && nothing.front() == *codec.bos_id();
}

std::string refusal_of(const JinjaForm& unknown) {
  const std::string known =
      fmt::format("set sft.template to the one of {} that comes nearest to it",
                  fmt::join(chat_template_names(), ", "));
  if (unknown.difference.empty())
    return "the tokenizer's chat_template is none that is known here: " + known;
  return fmt::format("the tokenizer's chat_template {}, which none here does: {}",
                     unknown.difference, known);
}

}  // namespace

std::vector<std::string> chat_template_names() {
  std::vector<std::string> names;
  for (const ChatStyle& style : chat_styles()) names.emplace_back(style.name);
  return names;
}

ChatTemplate::ChatTemplate(std::string_view name, const TextCodec& codec)
    : style_(&style_named(name)), codec_(&codec) {
  require_tokens(*style_, codec);
  if (style_->stop.empty() && !codec.end_id()) {
    throw UserError(base::kBadUsage,
                    fmt::format("the chat template {} closes a turn with the tokenizer's end "
                                "token, and the tokenizer names none: set `eos_token` in "
                                "tokenizer_config.json, or train the tokenizer with `end`",
                                name));
  }
  if (codec.bos_id() && (style_->always_begins || begins_texts(codec)))
    begin_ = text_of_token(codec, *codec.bos_id());
  if (codec.end_id()) end_ = text_of_token(codec, *codec.end_id());
  stop_id_ = style_->stop.empty() ? *codec.end_id() : *codec.id_of(style_->stop);
}

ChatTemplate ChatTemplate::choose(std::string_view setting, std::string_view jinja,
                                  const TextCodec& codec) {
  if (setting != "auto") return {setting, codec};
  JinjaForm own;
  if (!jinja.empty()) {
    own = form_of_jinja(jinja);
    if (own.style == nullptr) return {codec, refusal_of(own)};
  }
  try {
    ChatTemplate chosen(own.style ? own.style->name : "plain", codec);
    if (own.style) chosen.follow(own.begins, own.system);
    return chosen;
  } catch (const UserError& error) {
    return {codec, error.what()};
  }
}

void ChatTemplate::follow(bool begins, bool system) {
  begin_ = begins && codec_->bos_id() ? text_of_token(*codec_, *codec_->bos_id()) : "";
  takes_system_ = system;
}

MaskedIds ChatTemplate::render(const Messages& messages, size_t first_trained,
                               bool add_generation_prompt) const {
  if (!usable()) throw UserError(base::kBadUsage, refusal_);
  if (!takes_system_ && !messages.empty() && messages[0].role == "system") {
    throw UserError(
        base::kBadData,
        fmt::format("message 0 is the system's, which the tokenizer's own chat_template "
                    "refuses; with sft.template: {} it opens the user's first turn",
                    style_->name));
  }
  const std::vector<ChatPiece> pieces =
      style_->write(messages, {begin_, end_}, add_generation_prompt);
  std::string text = style_->begins_each_turn ? "" : begin_;
  struct Stretch {
    size_t begin, end;
  };
  std::vector<Stretch> answers;  // in bytes of the text
  for (const ChatPiece& piece : pieces) {
    const size_t begin = text.size();
    text += piece.text;
    if (piece.answer_of < 0) continue;
    const auto message = static_cast<size_t>(piece.answer_of);
    if (message >= first_trained && messages[message].role == "assistant")
      answers.push_back({begin, text.size()});
  }
  // The whole text is encoded at once, as transformers does. An answer begins with the first token
  // that would be another if the text ended where the answer begins.
  MaskedIds result;
  result.ids = codec_->encode_text(text);
  result.trained.assign(result.ids.size(), false);
  const auto tokens_of_first = [&](size_t bytes) -> size_t {
    if (bytes == text.size()) return result.ids.size();
    const std::vector<int32_t> part = codec_->encode_text(std::string_view(text).substr(0, bytes));
    const auto [at, whole] =
        std::mismatch(part.begin(), part.end(), result.ids.begin(), result.ids.end());
    return static_cast<size_t>(at - part.begin());
  };
  for (const Stretch& answer : answers) {
    const size_t end = tokens_of_first(answer.end);
    for (size_t token = tokens_of_first(answer.begin); token < end; ++token)
      result.trained[token] = true;
  }
  return result;
}

std::string_view ChatTemplate::name() const { return style_ ? style_->name : "none"; }

std::string ChatTemplate::jinja() const {
  if (!usable()) return "";
  const bool begins = !begin_.empty() && !style_->begins_each_turn;
  return (begins ? "{{ bos_token }}" : "") + std::string(style_->jinja);
}

}  // namespace strata::data
