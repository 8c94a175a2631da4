#include "data/tokenizer/byte_alphabet.h"

#include <array>

#include "data/tokenizer/utf8.h"

namespace strata::data {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

constexpr int kSymbolEnd = 0x100 + 68;

struct ByteAlphabet {
  std::array<char32_t, 256> symbol_of{};
  std::array<int16_t, kSymbolEnd> byte_of{};
};

constexpr ByteAlphabet make_byte_alphabet() {
  ByteAlphabet table;
  for (int16_t& byte : table.byte_of) byte = -1;
  char32_t next_free = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t symbol = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next_free++;
    table.symbol_of[byte] = symbol;
    table.byte_of[symbol] = static_cast<int16_t>(byte);
  }
  return table;
}

constexpr ByteAlphabet kByteAlphabet = make_byte_alphabet();

}  // namespace

char32_t byte_symbol(uint8_t byte) { return kByteAlphabet.symbol_of[byte]; }

std::string to_byte_symbols(std::string_view bytes) {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char byte : bytes) append_code_point(out, byte_symbol(static_cast<uint8_t>(byte)));
  return out;
}

std::optional<std::string> from_byte_symbols(std::string_view symbols) {
  std::string out;
  out.reserve(symbols.size());
  for (size_t at = 0; at < symbols.size();) {
    const char32_t symbol = next_code_point(symbols, at);
    if (symbol >= kSymbolEnd || kByteAlphabet.byte_of[symbol] < 0) return std::nullopt;
    out.push_back(static_cast<char>(kByteAlphabet.byte_of[symbol]));
  }
  return out;
}

}  // namespace strata::data
