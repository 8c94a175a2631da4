#include "base/random.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"

namespace strata::base {
namespace {

constexpr uint32_t kMultiply0 = 0xd2511f53, kMultiply1 = 0xcd9e8d57;  // the constants of the paper
constexpr uint32_t kWeyl0 = 0x9e3779b9, kWeyl1 = 0xbb67ae85;
constexpr int kRounds = 10;

constexpr uint32_t low_half(uint64_t x) { return static_cast<uint32_t>(x); }
constexpr uint32_t high_half(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

// Blocks are made kLanes at a time, in one array per word of the block, and every loop over lanes
// is free of branches: the compiler turns each into vector instructions. Only + - * and square
// roots are used and none are contracted to fused operations (see CMakeLists.txt), so every
// processor gives the same bits, and a lane the same as any other.
constexpr int kLanes = 64;
constexpr int kDraws = 4 * kLanes;

struct Lanes {
  uint32_t w0[kLanes], w1[kLanes], w2[kLanes], w3[kLanes];
};

/// Blocks first, first + 1, ... of the stream.
[[gnu::always_inline]] inline void philox_lanes(uint64_t key, uint64_t first, Lanes& x) {
  for (int i = 0; i < kLanes; ++i) {
    x.w0[i] = low_half(first + i);
    x.w1[i] = high_half(first + i);
    x.w2[i] = x.w3[i] = 0;
  }
  uint32_t key0 = low_half(key), key1 = high_half(key);
  for (int round = 0; round < kRounds; ++round, key0 += kWeyl0, key1 += kWeyl1) {
    for (int i = 0; i < kLanes; ++i) {
      const uint64_t a = uint64_t{kMultiply0} * x.w0[i], b = uint64_t{kMultiply1} * x.w2[i];
      x.w0[i] = high_half(b) ^ x.w1[i] ^ key0;
      x.w2[i] = high_half(a) ^ x.w3[i] ^ key1;
      x.w1[i] = low_half(b);
      x.w3[i] = low_half(a);
    }
  }
}

/// The word as a float, rounded once; two halves because the conversion instruction is signed.
[[gnu::always_inline]] inline float to_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 16)) * 65536.0f +
         static_cast<float>(static_cast<int32_t>(word & 0xffff));
}

/// -ln((word + 0.5) / 2^32) for Box-Muller: 0 to 22.9. The fraction m of word + 0.5 = m 2^e is
/// brought to [sqrt(1/2), sqrt(2)) and ln m is the series of 2 artanh(s), s = (m - 1) / (m + 1),
/// |s| < 0.172: terms to s^9.
[[gnu::always_inline]] inline float negative_log_unit(uint32_t word) {
  constexpr uint32_t kHalfRootTwo = 0x3f3504f3;  // bits of sqrt(1/2)
  const uint32_t bits = std::bit_cast<uint32_t>(to_float(word) + 0.5f) - kHalfRootTwo;
  const int32_t exponent = static_cast<int32_t>(bits) >> 23;
  const float m = std::bit_cast<float>((bits & 0x007fffff) + kHalfRootTwo);
  const float s = (m - 1.0f) / (m + 1.0f), s2 = s * s;
  const float ln_m =
      2.0f * s * (1.0f + s2 * (1.0f / 3 + s2 * (1.0f / 5 + s2 * (1.0f / 7 + s2 * (1.0f / 9)))));
  return static_cast<float>(32 - exponent) * std::numbers::ln2_v<float> - ln_m;
}

struct Direction {
  float cosine, sine;
};

/// Cosine and sine of 2 pi word / 2^32. The quarter turn is taken off in integers, exactly; what
/// remains lies within pi / 4 of zero, where the Taylor series to x^8 and x^9 are good to the last
/// bit of a float.
[[gnu::always_inline]] inline Direction direction(uint32_t word) {
  const uint32_t quarter = (word + 0x20000000u) >> 30;  // wraps: the fourth is the zeroth
  const auto rest = static_cast<int32_t>(word - (quarter << 30));
  const float x = static_cast<float>(rest) * (2 * std::numbers::pi_v<float> * 0x1p-32f), x2 = x * x;
  const float c =
      1.0f + x2 * (-1.0f / 2 + x2 * (1.0f / 24 + x2 * (-1.0f / 720 + x2 * (1.0f / 40320))));
  const float s =
      x *
      (1.0f + x2 * (-1.0f / 6 + x2 * (1.0f / 120 + x2 * (-1.0f / 5040 + x2 * (1.0f / 362880)))));
  const bool turned = quarter & 1;
  const float cosine = turned ? s : c, sine = turned ? c : s;
  return {(quarter == 1 || quarter == 2) ? -cosine : cosine, quarter >= 2 ? -sine : sine};
}

/// Box and Muller's pair: the square root of -2 ln u, in the direction of the second word.
[[gnu::always_inline]] inline void normal_pair(uint32_t a, uint32_t b, float mean, float stddev,
                                               float& x, float& y) {
  const float radius = std::sqrt(2.0f * negative_log_unit(a)) * stddev;
  const Direction d = direction(b);
  x = mean + radius * d.cosine;
  y = mean + radius * d.sine;
}

/// How kDraws consecutive draws, starting at a block, are made; (p, q) = (low, high) or (mean,
/// stddev).
using MakeDraws = void (*)(float* out, uint64_t key, uint64_t block, float p, float q);

[[gnu::always_inline]] inline void uniform_draws(float* out, uint64_t key, uint64_t block,
                                                 float low, float high) {
  Lanes x;
  philox_lanes(key, block, x);
  const float scale = (high - low) * 0x1p-24f;
  const auto scaled = [&](uint32_t word) {
    return low + static_cast<float>(static_cast<int32_t>(word >> 8)) * scale;
  };
  for (int i = 0; i < kLanes; ++i) {
    out[4 * i + 0] = scaled(x.w0[i]);
    out[4 * i + 1] = scaled(x.w1[i]);
    out[4 * i + 2] = scaled(x.w2[i]);
    out[4 * i + 3] = scaled(x.w3[i]);
  }
}

[[gnu::always_inline]] inline void normal_draws(float* out, uint64_t key, uint64_t block,
                                                float mean, float stddev) {
  Lanes x;
  philox_lanes(key, block, x);
  for (int i = 0; i < kLanes; ++i) {
    normal_pair(x.w0[i], x.w1[i], mean, stddev, out[4 * i + 0], out[4 * i + 1]);
    normal_pair(x.w2[i], x.w3[i], mean, stddev, out[4 * i + 2], out[4 * i + 3]);
  }
}

// The same code compiled for two processors; which one runs is decided once.
void uniform_plain(float* out, uint64_t key, uint64_t block, float p, float q) {
  uniform_draws(out, key, block, p, q);
}
void normal_plain(float* out, uint64_t key, uint64_t block, float p, float q) {
  normal_draws(out, key, block, p, q);
}
[[gnu::target("avx2")]] void uniform_avx2(float* out, uint64_t key, uint64_t block, float p,
                                          float q) {
  uniform_draws(out, key, block, p, q);
}
[[gnu::target("avx2")]] void normal_avx2(float* out, uint64_t key, uint64_t block, float p,
                                         float q) {
  normal_draws(out, key, block, p, q);
}

bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}

/// Cuts [first, first + count) into runs of kDraws; a run that is needed in part is made beside and
/// copied.
void fill(float* out, int64_t count, uint64_t key, int64_t first, MakeDraws make, float p,
          float q) {
  ensure(first >= 0 && count >= 0, "random draws are numbered from 0");
  float beside[kDraws];
  while (count > 0) {
    const int64_t skip = first % 4, block = first / 4;
    const int64_t used = std::min<int64_t>(count, kDraws - skip);
    if (used == kDraws) {
      make(out, key, static_cast<uint64_t>(block), p, q);
    } else {
      make(beside, key, static_cast<uint64_t>(block), p, q);
      std::copy_n(beside + skip, used, out);
    }
    out += used;
    first += used;
    count -= used;
  }
}

/// Scrambles 64 bits (the finaliser of SplitMix64: Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014).
uint64_t scramble(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

PhiloxBlock philox(uint64_t key, uint64_t counter_low, uint64_t counter_high) {
  PhiloxBlock x{low_half(counter_low), high_half(counter_low), low_half(counter_high),
                high_half(counter_high)};
  uint32_t key0 = low_half(key), key1 = high_half(key);
  for (int round = 0; round < kRounds; ++round, key0 += kWeyl0, key1 += kWeyl1) {
    const uint64_t a = uint64_t{kMultiply0} * x[0], b = uint64_t{kMultiply1} * x[2];
    x = {high_half(b) ^ x[1] ^ key0, low_half(b), high_half(a) ^ x[3] ^ key1, low_half(a)};
  }
  return x;
}

uint64_t stream_key(uint64_t seed, std::string_view name) {
  return XXH3_64bits_withSeed(name.data(), name.size(), scramble(seed));
}

void fill_uniform(float* out, int64_t count, uint64_t key, int64_t first, float low, float high) {
  fill(out, count, key, first, has_avx2() ? uniform_avx2 : uniform_plain, low, high);
}

void fill_normal(float* out, int64_t count, uint64_t key, int64_t first, float mean, float stddev) {
  fill(out, count, key, first, has_avx2() ? normal_avx2 : normal_plain, mean, stddev);
}

uint64_t permute(uint64_t position, uint64_t size, uint64_t key) {
  ensure(position < size, "permute: the position lies outside the set");
  // The network permutes [0, 4^half), the smallest such set that holds [0, size); a value outside
  // is sent through again until it falls inside (at most a few times, as the set is under four
  // times too large).
  constexpr uint64_t kNetworkRounds = 6;
  const auto half = std::max<uint64_t>(1, (std::bit_width(size - 1) + 1) / 2);
  const uint64_t mask = (uint64_t{1} << half) - 1;
  uint64_t value = position;
  do {
    uint64_t left = value >> half, right = value & mask;
    for (uint64_t round = 0; round < kNetworkRounds; ++round) {
      const uint64_t mixed = left ^ (scramble(right ^ scramble(key + round)) & mask);
      left = right;
      right = mixed;
    }
    value = left << half | right;
  } while (value >= size);
  return value;
}

}  // namespace strata::base
