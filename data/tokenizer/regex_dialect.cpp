#include "data/tokenizer/regex_dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"

namespace strata::data {
namespace {

/// Oniguruma's \w with Unicode: letters, marks, digits, connectors and the fractions and
/// superscripts of Latin-1.
constexpr std::string_view kWordMembers = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\xB2\xB3\xB9\xBC-\xBE)";

constexpr std::array<std::string_view, 37> kGeneralCategories = {
    "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd", "Nl",
    "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk",
    "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Cn", "Co", "Cs"};

/// Reads a pattern from left to right and writes its translation.
class DialectReader {
 public:
  DialectReader(std::string_view pattern, std::string_view source)
      : pattern_(pattern), source_(source) {}

  std::string translate() {
    while (!at_end()) {
      switch (peek()) {
        case '\\':
          escape(false);
          break;
        case '[':
          character_class();
          break;
        case '(':
          group();
          break;
        case '{':
          repetition();
          break;
        case '.':
          take(), out_ += "[^\\n]";
          break;
        case '^':
        case '$':
          refuse(std::string(1, peek()));
        default:
          copy();
      }
    }
    return std::move(out_);
  }

 private:
  bool at_end() const { return at_ == pattern_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0';
  }
  char take() { return at_end() ? '\0' : pattern_[at_++]; }
  void copy() { out_ += take(); }
  bool starts_with(std::string_view prefix) const {
    return pattern_.substr(at_).starts_with(prefix);
  }

  [[noreturn]] void refuse(std::string_view construct) const {
    throw base::UserError(base::kBadUsage,
                          fmt::format("{}: the pattern '{}' holds '{}', which is not supported",
                                      source_, pattern_, construct));
  }

  void escape(bool in_class) {
    take();
    const char kind = take();
    switch (kind) {
      case 'r':
      case 'n':
      case 't':
      case 's':
      case 'S':
      case 'd':
      case 'D':
        out_ += '\\';
        out_ += kind;
        return;
      case 'w':
        out_ += in_class ? std::string(kWordMembers) : fmt::format("[{}]", kWordMembers);
        return;
      case 'W':
        if (in_class) refuse("\\W inside [ ]");
        out_ += fmt::format("[^{}]", kWordMembers);
        return;
      case 'p':
      case 'P':
        property(kind);
        return;
      case 'x':
      case 'u':
        code_point(kind);
        return;
      default:
        if (static_cast<unsigned char>(kind) < 0x21 ||
            std::isalnum(static_cast<unsigned char>(kind))) {
          refuse(std::string("\\") + kind);
        }
        out_ += '\\';
        out_ += kind;
    }
  }

  /// \p{Lu}, \p{^Lu}, \P{Lu}, \p{Han}; scripts are asked for by sc:, without PCRE2's script
  /// extensions.
  void property(char kind) {
    if (take() != '{') refuse("\\p without {");
    bool negated = kind == 'P';
    if (peek() == '^') {
      take();
      negated = !negated;
    }
    std::string name;
    while (!at_end() && peek() != '}') name += take();
    take();
    const bool is_plain = name == "Alphabetic" ||
                          std::find(kGeneralCategories.begin(), kGeneralCategories.end(), name) !=
                              kGeneralCategories.end();
    const bool is_script = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return std::isalpha(c) || c == '_';
    });
    if (!is_plain && !is_script) refuse(fmt::format("\\p{{{}}}", name));
    out_ += fmt::format("\\{}{{{}{}}}", negated ? 'P' : 'p', is_plain ? "" : "sc:", name);
  }

  /// \xHH, \x{HHHH} and \uHHHH. Above 0x7F the two-digit form means a raw byte to Oniguruma.
  void code_point(char kind) {
    std::string digits;
    const bool braced = kind == 'x' && peek() == '{';
    if (braced) take();
    const size_t most = braced ? 8 : kind == 'x' ? 2 : 4;
    while (digits.size() < most && std::isxdigit(static_cast<unsigned char>(peek())))
      digits += take();
    if (braced && take() != '}') refuse("\\x{ without }");
    const bool whole = braced ? !digits.empty() : digits.size() == most;
    if (!whole || (kind == 'x' && !braced && digits[0] >= '8'))
      refuse(fmt::format("\\{}{}", kind, digits));
    out_ += fmt::format("\\x{{{}}}", digits);
  }

  void character_class() {
    copy();
    if (peek() == '^') copy();
    if (peek() == ']') refuse("an empty [ ]");
    while (peek() != ']') {
      if (at_end()) refuse("[ without ]");
      if (starts_with("&&")) refuse("&&");
      if (peek() == '[') refuse("[ inside [ ]");
      if (peek() == '\\') {
        escape(true);
      } else {
        copy();
      }
    }
    copy();
  }

  void group() {
    for (const std::string_view opening :
         {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:", "(?i)"}) {
      if (!starts_with(opening)) continue;
      if (opening == "(?i)" && at_ > 0) refuse("(?i) after the beginning");  // its reach differs
      out_ += opening;
      at_ += opening.size();
      return;
    }
    if (peek(1) == '?' || peek(1) == '*') refuse(pattern_.substr(at_, 3));
    copy();
  }

  /// {n}, {n,} and {n,m}; "{,m}" and a "+" behind it, which is possessive only to PCRE2, are
  /// refused.
  void repetition() {
    const size_t close = pattern_.find('}', at_);
    const std::string_view inside =
        close == pattern_.npos ? "" : pattern_.substr(at_ + 1, close - at_ - 1);
    const bool numeric = !inside.empty() && std::isdigit(static_cast<unsigned char>(inside[0])) &&
                         std::all_of(inside.begin(), inside.end(),
                                     [](char c) { return std::isdigit(c) || c == ','; });
    if (!numeric) refuse(pattern_.substr(at_, 2));
    out_ += pattern_.substr(at_, close + 1 - at_);
    at_ = close + 1;
    if (peek() == '+') refuse("}+");
    if (peek() == '?' && inside.find(',') == inside.npos)
      refuse("}?");  // optional to Oniguruma, lazy to PCRE2
  }

  std::string_view pattern_, source_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string to_pcre2(std::string_view pattern, std::string_view source) {
  return DialectReader(pattern, source).translate();
}

std::string quote_pattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{{{:X}}}", byte);
      continue;
    }
    if (byte < 0x80 && byte != ' ' && !std::isalnum(byte)) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace strata::data
