// UTF-8, one character at a time: validity, replacement of bad bytes, code points to bytes and
// back. Bad bytes are grouped as the Unicode standard recommends (a "maximal subpart" becomes one
// U+FFFD), which is what Python's errors="replace" and Rust's from_utf8_lossy do. Knows no
// properties of characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata::data {

/// U+FFFD, which stands for bytes that are no character.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// What stands at one place of a text.
struct Utf8Unit {
  enum Kind : uint8_t {
    kCharacter,  ///< a whole character of `length` bytes
    kBad,        ///< `length` bytes that no further byte can mend
    kCut,        ///< the text ends after the first `length` bytes of a character
  };
  Kind kind;
  uint8_t length;
};

/// Looks at `text[at]`; at < text.size().
Utf8Unit utf8_unit(std::string_view text, size_t at);

bool is_utf8(std::string_view text);

/// A copy with every bad or cut unit replaced by U+FFFD.
std::string replace_bad_utf8(std::string_view text);

/// The code point at `at` of a valid text; moves `at` behind it.
char32_t next_code_point(std::string_view text, size_t& at);

void append_code_point(std::string& out, char32_t code_point);

}  // namespace strata::data
