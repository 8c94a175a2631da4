// Philox4x32-10 (see base/random.h) on the GPU, one word at a time.
#pragma once

#include <cstdint>

namespace strata::kernels::cuda {

/// Word `word` of the Philox4x32-10 block with this key and counter; bit-equal to base::philox.
__device__ inline uint32_t philox_word(uint64_t key, uint64_t low, uint64_t high, int word) {
  uint32_t w[4] = {static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                   static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)};
  auto key_low = static_cast<uint32_t>(key), key_high = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint32_t first_high = __umulhi(0xd2511f53, w[0]), first_low = 0xd2511f53 * w[0];
    const uint32_t second_high = __umulhi(0xcd9e8d57, w[2]), second_low = 0xcd9e8d57 * w[2];
    w[0] = second_high ^ w[1] ^ key_low;
    w[2] = first_high ^ w[3] ^ key_high;
    w[1] = second_low;
    w[3] = first_low;
    key_low += 0x9e3779b9;
    key_high += 0xbb67ae85;
  }
  return w[word];
}

}  // namespace strata::kernels::cuda
