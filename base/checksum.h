// Checksums and fingerprints of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace strata::base {

/// CRC32C (Castagnoli), by hardware where the processor has it. `seed` continues an earlier piece.
uint32_t crc32c(const void* data, size_t size, uint32_t seed = 0);

/// The same by table, a byte at a time: for a processor without the instruction, and to check the
/// fast one against.
uint32_t crc32c_portable(const void* data, size_t size, uint32_t seed = 0);

/// 128-bit XXH3 as 32 hex digits: names a tokenizer, a template, a set of rows.
std::string fingerprint(std::string_view bytes);

}  // namespace strata::base
