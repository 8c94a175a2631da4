// The 256 printable characters that stand for bytes in a byte-level vocabulary (GPT-2's table):
// printable Latin-1 bytes stand for themselves, the other 68 for U+0100 onwards, so a space is
// written "Ġ" and a line break "Ċ".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strata::data {

/// The code point that stands for a byte.
char32_t byte_symbol(uint8_t byte);

/// Bytes as they are written in a vocabulary.
std::string to_byte_symbols(std::string_view bytes);

/// The way back; nothing if a character stands for no byte. `symbols` must be valid UTF-8.
std::optional<std::string> from_byte_symbols(std::string_view symbols);

}  // namespace strata::data
