// Makes our Unicode libraries see characters as the Hugging Face `tokenizers` library (0.22) sees
// them. Its regular expressions know Unicode 16 and its normalizers Unicode 9, whatever PCRE2 and
// utf8proc were built with here; ids agree on every text only if new characters fall into the same
// classes.
#pragma once

#include <string>
#include <string_view>

namespace strata::data {

/// If `text` holds characters that PCRE2 may put into another class than `tokenizers` does, writes
/// a stand-in to `shadow` and returns true: the same bytes but for those characters, each replaced
/// by an older one of the right class and the same number of bytes. Matches found in the shadow are
/// those of the text. `text` must be valid UTF-8.
bool make_class_shadow(std::string_view text, std::string& shadow);

/// NFC as of Unicode 9: characters that came later neither compose, decompose nor move. `text` must
/// be valid UTF-8.
std::string to_nfc(std::string_view text);

}  // namespace strata::data
