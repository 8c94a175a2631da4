#include "data/chat/jinja_forms.h"

#include <utility>

#include "base/checksum.h"

namespace strata::data {
namespace {

constexpr std::string_view kBegin = "{{bos_token}}";

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/// Copies a template piece by piece, see canonical_jinja().
class Canonical {
 public:
  explicit Canonical(std::string_view jinja) : jinja_(jinja) {
    while (at_ < jinja_.size()) {
      if (quote_ != 0) {
        take_quoted();
      } else if (inside_) {
        take_code();
      } else if (next_is("{{") || next_is("{%")) {
        open();
      } else {
        text_ += jinja_[at_++];
      }
    }
    join_strings();
  }
  std::string text() && { return std::move(text_); }

 private:
  bool next_is(std::string_view token) const { return jinja_.substr(at_).starts_with(token); }

  void open() {
    const bool block = jinja_[at_ + 1] == '%';
    const bool trims = jinja_.substr(at_ + 2).starts_with("-");
    const auto drops = [&](char c) {
      return trims ? is_blank(c) : block && (c == ' ' || c == '\t');
    };
    while (!text_.empty() && drops(text_.back())) text_.pop_back();
    text_ += jinja_.substr(at_, 2);
    at_ += trims ? 3 : 2;
    inside_ = true;
  }

  void take_code() {
    const bool trims = next_is("-}}") || next_is("-%}");
    if (trims) ++at_;
    if (next_is("}}") || next_is("%}")) {
      close(trims);
      return;
    }
    const char c = jinja_[at_++];
    if (c == '\'' || c == '"') quote_ = c;
    if (!is_blank(c)) text_ += quote_ != 0 ? '\'' : c;
  }

  void close(bool trims) {
    const bool block = jinja_[at_] == '%';
    text_ += jinja_.substr(at_, 2);
    at_ += 2;
    inside_ = false;
    if (trims) {
      while (at_ < jinja_.size() && is_blank(jinja_[at_])) ++at_;
    } else if (block && next_is("\n")) {
      ++at_;
    }
  }

  void take_quoted() {
    const char c = jinja_[at_++];
    if (c == '\n') {
      text_ += "\\n";
    } else if (c == quote_) {
      quote_ = 0;
      text_ += '\'';
    } else {
      text_ += c;
    }
  }

  void join_strings() {
    constexpr std::string_view kJoint = "'+'";
    for (size_t at; (at = text_.find(kJoint)) != std::string::npos;) text_.erase(at, kJoint.size());
  }

  std::string_view jinja_;
  size_t at_ = 0;
  std::string text_;
  bool inside_ = false;
  char quote_ = 0;
};

/// Texts that come with models and write the same as ours, by the fingerprint of their canonical
/// form.
struct Published {
  std::string_view fingerprint, style;
  bool system;
};
constexpr Published kPublished[] = {
    {"5752eb7051ed247acfa62c88cf116885", "llama2", true},  // Llama-2-chat
    {"f4941c3512a67d9f2c02bf80edf30bbb", "llama3", true},  // Llama-3-Instruct
    {"54e9896b718b3854bba2967e02cbfe70", "mistral",
     false},  // Mistral-7B-Instruct-v0.2, Mixtral-8x7B-Instruct-v0.1
};

/// What others that come with models do, by a mark in their canonical form; the first that fits.
struct Different {
  std::string_view mark, difference;
};
constexpr Different kDifferent[] = {
    {"loop.firstandmessages[0]['role']!='system'",
     "writes a system message of its own before a conversation that has none (as Qwen2's does)"},
    {"Cutting Knowledge Date",
     "writes dates into a system turn of its own (as that of Llama 3.1 does)"},
    {"[AVAILABLE_TOOLS]",
     "writes the system's words into the last turn and a blank before every answer (as that of "
     "Mistral-7B-Instruct-v0.3 does)"},
    {"' [INST] '",
     "writes blanks before [INST] and before every answer (as the later one of "
     "Mistral-7B-Instruct-v0.2 does)"},
    {"eos_token+' '",
     "writes a blank behind every answer's end (as that of Mistral-7B-Instruct-v0.1 does)"},
};

const ChatStyle* style_called(std::string_view name) {
  for (const ChatStyle& style : chat_styles()) {
    if (style.name == name) return &style;
  }
  return nullptr;
}

}  // namespace

std::string canonical_jinja(std::string_view jinja) { return Canonical(jinja).text(); }

JinjaForm form_of_jinja(std::string_view jinja) {
  // Some ChatML texts open with the default of a variable that transformers always gives.
  constexpr std::string_view kDefault =
      "{%ifnotadd_generation_promptisdefined%}{%setadd_generation_prompt=false%}{%endif%}";
  std::string text = canonical_jinja(jinja);
  if (text.starts_with(kDefault)) text.erase(0, kDefault.size());
  for (const ChatStyle& style : chat_styles()) {
    const std::string own = canonical_jinja(style.jinja);
    if (text == own) return {&style, style.begins_each_turn, true, ""};
    if (!style.begins_each_turn && text == std::string(kBegin) + own)
      return {&style, true, true, ""};
  }
  const std::string fingerprint = base::fingerprint(text);
  for (const Published& published : kPublished) {
    if (published.fingerprint == fingerprint)
      return {style_called(published.style), true, published.system, ""};
  }
  for (const Different& different : kDifferent) {
    if (text.find(different.mark) != std::string::npos)
      return {nullptr, false, false, different.difference};
  }
  return {};
}

}  // namespace strata::data
