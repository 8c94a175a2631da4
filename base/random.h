// Counter-based random numbers: every draw is a pure function of a key and a counter, so any layout
// of ranks and any restart draws the same. There is no state to save and no order to keep.
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace strata::base {

using PhiloxBlock = std::array<uint32_t, 4>;

/// Four 32-bit words for (key, counter); bit-equal to the Random123 reference (philox4x32, 10
/// rounds).
PhiloxBlock philox(uint64_t key, uint64_t counter_low, uint64_t counter_high = 0);

/// A 64-bit key made of a seed and a name (a parameter, "dropout", "sampling" ...): streams never
/// meet.
uint64_t stream_key(uint64_t seed, std::string_view name);

/// Uniform double in [0, 1) from 32 bits / in (0, 1) for logarithms.
inline double to_unit(uint32_t word) { return word * 0x1p-32; }
inline double to_open_unit(uint32_t word) { return (word + 0.5) * 0x1p-32; }

/// out[i] = draw number `first + i` of the stream: any piece of a whole tensor can be made alone.
/// Four draws share a Philox block: draw n is word n % 4 of block n / 4 (normals: Box-Muller on
/// words 0,1 and 2,3).
void fill_uniform(float* out, int64_t count, uint64_t key, int64_t first, float low, float high);
void fill_normal(float* out, int64_t count, uint64_t key, int64_t first, float mean, float stddev);

/// A bijection of [0, size) chosen by `key`: position -> element, in O(1) memory (Feistel network
/// with cycle walking).
uint64_t permute(uint64_t position, uint64_t size, uint64_t key);

}  // namespace strata::base
