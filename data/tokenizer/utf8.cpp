#include "data/tokenizer/utf8.h"

#include <cstring>

namespace strata::data {
namespace {

/// The first place at or after `at` whose byte is not ASCII, eight bytes at a time.
size_t skip_ascii(std::string_view text, size_t at) {
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t block;
    std::memcpy(&block, text.data() + at, 8);
    if (block & 0x8080808080808080u) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

size_t first_not_utf8(std::string_view text) {
  for (size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
    const Utf8Unit unit = utf8_unit(text, at);
    if (unit.kind != Utf8Unit::kCharacter) return at;
    at += unit.length;
  }
  return text.size();
}

}  // namespace

Utf8Unit utf8_unit(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {Utf8Unit::kCharacter, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Utf8Unit::kBad, 1};
  const uint8_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte shuts out overlong forms, surrogates and code points above U+10FFFF (Unicode,
  // table 3-7).
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (uint8_t i = 1; i < length; ++i) {
    if (at + i == text.size()) return {Utf8Unit::kCut, i};
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if (byte < low || byte > high) return {Utf8Unit::kBad, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Unit::kCharacter, length};
}

bool is_utf8(std::string_view text) { return first_not_utf8(text) == text.size(); }

std::string replace_bad_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  while (!text.empty()) {
    const size_t good = first_not_utf8(text);
    out.append(text.substr(0, good));
    if (good == text.size()) break;
    out.append(kReplacementCharacter);
    text.remove_prefix(good + utf8_unit(text, good).length);
  }
  return out;
}

char32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const char32_t lead = byte(0);
  char32_t code_point;
  if (lead < 0x80) {
    code_point = lead;
    at += 1;
  } else if (lead < 0xE0) {
    code_point = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    at += 2;
  } else if (lead < 0xF0) {
    code_point = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    at += 3;
  } else {
    code_point =
        (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    at += 4;
  }
  return code_point;
}

void append_code_point(std::string& out, char32_t code_point) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto put_tail = [&](int shift) { put(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put_tail(0);
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put_tail(6);
    put_tail(0);
  } else {
    put(0xF0 | code_point >> 18);
    put_tail(12);
    put_tail(6);
    put_tail(0);
  }
}

}  // namespace strata::data
