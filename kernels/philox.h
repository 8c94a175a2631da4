// Philox4x32-10 (see base/random.h) many blocks at a time, free of branches, so that a kernel's
// loop can be vectorised around it. Bit-equal to base::philox.
#pragma once

#include <cstdint>

namespace strata::kernels {

inline constexpr int kPhiloxLanes = 32;

/// draws[4 i + w] = word w of the block with key and counter (low, high_first + i).
[[gnu::always_inline]] inline void philox_run(uint64_t key, uint64_t low, uint64_t high_first,
                                              uint32_t* __restrict draws) {
  uint32_t a[kPhiloxLanes], b[kPhiloxLanes], c[kPhiloxLanes], d[kPhiloxLanes];
  for (int i = 0; i < kPhiloxLanes; ++i) {
    a[i] = static_cast<uint32_t>(low);
    b[i] = static_cast<uint32_t>(low >> 32);
    c[i] = static_cast<uint32_t>(high_first + i);
    d[i] = static_cast<uint32_t>((high_first + i) >> 32);
  }
  auto key_low = static_cast<uint32_t>(key), key_high = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kPhiloxLanes; ++i) {
      const uint64_t first = uint64_t{0xd2511f53} * a[i], second = uint64_t{0xcd9e8d57} * c[i];
      a[i] = static_cast<uint32_t>(second >> 32) ^ b[i] ^ key_low;
      c[i] = static_cast<uint32_t>(first >> 32) ^ d[i] ^ key_high;
      b[i] = static_cast<uint32_t>(second);
      d[i] = static_cast<uint32_t>(first);
    }
    key_low += 0x9e3779b9;
    key_high += 0xbb67ae85;
  }
  for (int i = 0; i < kPhiloxLanes; ++i) {
    draws[4 * i] = a[i];
    draws[4 * i + 1] = b[i];
    draws[4 * i + 2] = c[i];
    draws[4 * i + 3] = d[i];
  }
}

}  // namespace strata::kernels
