#include "base/checksum.h"

#include <fmt/format.h>
#include <nmmintrin.h>
#include <xxhash.h>

#include <array>
#include <cstring>

namespace strata::base {
namespace {

// CRC32C works on polynomials over GF(2) in reflected bit order: the lowest bit is the highest
// power.
constexpr uint32_t kPolynomial = 0x82f63b78;

constexpr std::array<uint32_t, 256> make_byte_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? kPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}
constexpr auto kByteTable = make_byte_table();

uint32_t crc_by_table(uint32_t crc, const unsigned char* data, size_t size) {
  for (size_t i = 0; i < size; ++i) crc = (crc >> 8) ^ kByteTable[(crc ^ data[i]) & 0xff];
  return crc;
}

// The crc32 instruction takes 8 bytes and answers three cycles later, but may be started every
// cycle. So three streams of kStream bytes run side by side and are joined: the crc of "A then B"
// is (crc of A moved over |B| zero bytes) xor (crc of B from 0). Moving over a fixed number of
// zeros is linear, so four 256-entry tables do it.
constexpr size_t kStream = 1360;  // three of them stay in the first cache; a multiple of 8

using ZerosTable = std::array<std::array<uint32_t, 256>, 4>;

constexpr ZerosTable make_zeros_table(size_t zeros) {
  std::array<uint32_t, 32> moved{};  // what each single bit becomes
  for (size_t bit = 0; bit < 32; ++bit) {
    uint32_t crc = uint32_t{1} << bit;
    for (size_t i = 0; i < zeros; ++i) crc = (crc >> 8) ^ kByteTable[crc & 0xff];
    moved[bit] = crc;
  }
  ZerosTable table{};
  for (size_t byte = 0; byte < 4; ++byte) {
    for (size_t value = 0; value < 256; ++value) {
      for (size_t bit = 0; bit < 8; ++bit) {
        if (value >> bit & 1) table[byte][value] ^= moved[8 * byte + bit];
      }
    }
  }
  return table;
}
constexpr ZerosTable kOverStream = make_zeros_table(kStream);

uint32_t move_over_stream(uint32_t crc) {
  return kOverStream[0][crc & 0xff] ^ kOverStream[1][crc >> 8 & 0xff] ^
         kOverStream[2][crc >> 16 & 0xff] ^ kOverStream[3][crc >> 24];
}

uint64_t load_8_bytes(const unsigned char* data) {
  uint64_t word;
  std::memcpy(&word, data, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) uint32_t crc_by_hardware(uint32_t crc, const unsigned char* data,
                                                           size_t size) {
  for (; size >= 3 * kStream; data += 3 * kStream, size -= 3 * kStream) {
    uint64_t first = crc, second = 0, third = 0;
    for (size_t i = 0; i < kStream; i += 8) {
      first = _mm_crc32_u64(first, load_8_bytes(data + i));
      second = _mm_crc32_u64(second, load_8_bytes(data + kStream + i));
      third = _mm_crc32_u64(third, load_8_bytes(data + 2 * kStream + i));
    }
    crc = move_over_stream(static_cast<uint32_t>(first)) ^ static_cast<uint32_t>(second);
    crc = move_over_stream(crc) ^ static_cast<uint32_t>(third);
  }
  for (; size >= 8; data += 8, size -= 8)
    crc = static_cast<uint32_t>(_mm_crc32_u64(crc, load_8_bytes(data)));
  for (; size > 0; ++data, --size) crc = _mm_crc32_u8(crc, *data);
  return crc;
}

}  // namespace

uint32_t crc32c(const void* data, size_t size, uint32_t seed) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  const auto* bytes = static_cast<const unsigned char*>(data);
  return ~(has_instruction ? crc_by_hardware(~seed, bytes, size)
                           : crc_by_table(~seed, bytes, size));
}

uint32_t crc32c_portable(const void* data, size_t size, uint32_t seed) {
  return ~crc_by_table(~seed, static_cast<const unsigned char*>(data), size);
}

std::string fingerprint(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace strata::base
