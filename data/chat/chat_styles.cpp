#include "data/chat/chat_styles.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "data/tokenizer/utf8.h"

namespace strata::data {
namespace {

bool is_blank_to_python(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

/// As Jinja's `trim`: without the blanks at both ends.
std::string trimmed(std::string_view text) {
  size_t first = text.size(), behind = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (is_blank_to_python(next_code_point(text, at))) continue;
    first = std::min(first, begin);
    behind = at;
  }
  return first < behind ? std::string(text.substr(first, behind - first)) : std::string();
}

/// Forms that have only users and assistants take turns of them, the user first; what the system
/// says goes into the user's first turn. Returns how many messages the system has: 0 or 1.
size_t require_turns(const Messages& messages, std::string_view style) {
  const size_t system = !messages.empty() && messages[0].role == "system" ? 1 : 0;
  for (size_t i = system; i < messages.size(); ++i) {
    const std::string_view expected = (i - system) % 2 == 0 ? "user" : "assistant";
    if (messages[i].role == expected) continue;
    throw base::UserError(base::kBadData,
                          "message " + std::to_string(i) + " is the " + messages[i].role +
                              "'s, where the " + std::string(style) + " template needs the " +
                              std::string(expected) +
                              "'s: users and assistants take turns, after at most one system "
                              "message");
  }
  return system;
}

// ---- chatml

constexpr std::string_view kChatmlJinja =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

std::vector<ChatPiece> write_chatml(const Messages& messages, const ChatTokens&, bool generation) {
  std::vector<ChatPiece> pieces;
  for (size_t i = 0; i < messages.size(); ++i) {
    pieces.push_back({"<|im_start|>" + messages[i].role + "\n"});
    pieces.push_back({messages[i].content + "<|im_end|>", static_cast<int>(i)});
    pieces.push_back({"\n"});
  }
  if (generation) pieces.push_back({"<|im_start|>assistant\n"});
  return pieces;
}

// ---- llama3

constexpr std::string_view kLlama3Jinja =
    "{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{ message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

std::vector<ChatPiece> write_llama3(const Messages& messages, const ChatTokens&, bool generation) {
  std::vector<ChatPiece> pieces;
  const auto header = [&](const std::string& role) {
    pieces.push_back({"<|start_header_id|>" + role + "<|end_header_id|>\n\n"});
  };
  for (size_t i = 0; i < messages.size(); ++i) {
    header(messages[i].role);
    pieces.push_back({trimmed(messages[i].content) + "<|eot_id|>", static_cast<int>(i)});
  }
  if (generation) header("assistant");
  return pieces;
}

// ---- llama2

constexpr std::string_view kLlama2Jinja =
    "{% if messages[0]['role'] == 'system' %}"
    "{% set said = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}"
    "{% set turns = messages[1:] %}"
    "{% else %}{% set said = '' %}{% set turns = messages %}{% endif %}"
    "{% for message in turns %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('users and assistants take turns') }}{% endif %}"
    "{% if message['role'] == 'user' %}"
    "{% set text = (said if loop.first else '') + message['content'] %}"
    "{{ bos_token }}{{ '[INST] ' + text | trim + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'] | trim + ' ' }}{{ eos_token }}{% endif %}"
    "{% endfor %}";

std::vector<ChatPiece> write_llama2(const Messages& messages, const ChatTokens& tokens, bool) {
  const size_t system = require_turns(messages, "llama2");
  std::vector<ChatPiece> pieces;
  for (size_t i = system; i < messages.size(); ++i) {
    const std::string& content = messages[i].content;
    if (messages[i].role == "assistant") {
      pieces.push_back({" " + trimmed(content) + " " + tokens.end, static_cast<int>(i)});
      continue;
    }
    const bool system_speaks = system == 1 && i == 1;
    const std::string said =
        system_speaks ? "<<SYS>>\n" + messages[0].content + "\n<</SYS>>\n\n" : std::string();
    pieces.push_back({tokens.begin + "[INST] " + trimmed(said + content) + " [/INST]"});
  }
  return pieces;
}

// ---- mistral

constexpr std::string_view kMistralJinja =
    "{% if messages[0]['role'] == 'system' %}"
    "{% set said = messages[0]['content'] + '\\n\\n' %}{% set turns = messages[1:] %}"
    "{% else %}{% set said = '' %}{% set turns = messages %}{% endif %}"
    "{% for message in turns %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('users and assistants take turns') }}{% endif %}"
    "{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + (said if loop.first else '') + message['content'] + ' [/INST]' }}"
    "{% else %}{{ message['content'] }}{{ eos_token }}{% endif %}"
    "{% endfor %}";

std::vector<ChatPiece> write_mistral(const Messages& messages, const ChatTokens& tokens, bool) {
  const size_t system = require_turns(messages, "mistral");
  std::vector<ChatPiece> pieces;
  for (size_t i = system; i < messages.size(); ++i) {
    const std::string& content = messages[i].content;
    if (messages[i].role == "assistant") {
      pieces.push_back({content + tokens.end, static_cast<int>(i)});
      continue;
    }
    const std::string said = system == 1 && i == 1 ? messages[0].content + "\n\n" : std::string();
    pieces.push_back({"[INST] " + said + content + " [/INST]"});
  }
  return pieces;
}

// ---- plain: for any tokenizer that has an end token

constexpr std::string_view kPlainJinja =
    "{% for message in messages %}"
    "{{ message['role'] + ':\\n' + message['content'] + eos_token }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:\\n' }}{% endif %}";

std::vector<ChatPiece> write_plain(const Messages& messages, const ChatTokens& tokens,
                                   bool generation) {
  std::vector<ChatPiece> pieces;
  for (size_t i = 0; i < messages.size(); ++i) {
    pieces.push_back({messages[i].role + ":\n"});
    pieces.push_back({messages[i].content + tokens.end, static_cast<int>(i)});
  }
  if (generation) pieces.push_back({"assistant:\n"});
  return pieces;
}

}  // namespace

std::span<const ChatStyle> chat_styles() {
  static const ChatStyle styles[] = {
      {"chatml",
       {"<|im_start|>", "<|im_end|>"},
       "<|im_end|>",
       false,
       kChatmlJinja,
       false,
       write_chatml},
      {"llama2", {}, "", true, kLlama2Jinja, true, write_llama2},
      {"llama3",
       {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
       "<|eot_id|>",
       true,
       kLlama3Jinja,
       false,
       write_llama3},
      {"mistral", {}, "", true, kMistralJinja, false, write_mistral},
      {"plain", {}, "", false, kPlainJinja, false, write_plain},
  };
  return styles;
}

}  // namespace strata::data
