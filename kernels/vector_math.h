// The small arithmetic that vectorised loops are made of: loads and stores of fp32 and bf16 as
// fp32, exp and tanh as polynomials (calls into libm would keep a loop from being vectorised). All
// inline, so that each processor version of a loop gets its own. CPU only.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace strata::kernels {

/// A bf16 number as it lies in memory.
struct Bf16 {
  uint16_t bits;
};

inline float load(float x) { return x; }
inline float load(Bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

template <class T>
T rounded(float x);
template <>
inline float rounded<float>(float x) {
  return x;
}
/// To the nearest, ties to even; a NaN stays one.
template <>
inline Bf16 rounded<Bf16>(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return {static_cast<uint16_t>(x == x ? nearest : 0x7fc0)};
}

/// e^x for x <= 0 (what a softmax asks for), to 2 units in the last place; 0 below -87, where the
/// result would leave the normal numbers: products with those are slow, up to a hundred times on
/// some processors, and every masked place would be one. A NaN stays one.
inline float exp_nonpositive(float x) {
  constexpr float kLog2e = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr float kToInteger =
      12582912.0f;  // 1.5 * 2^23: the sum's last bits are the nearest integer
  const float bounded = x < -87.0f ? -87.0f : x;
  const float shifted = bounded * kLog2e + kToInteger;
  const float n = shifted - kToInteger;
  const float r = bounded - n * kLn2High - n * kLn2Low;
  // Polynomial of Cephes' expf for |r| <= ln 2 / 2.
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;  // the bits of 2^n
  return x < -87.0f ? 0.0f : p * std::bit_cast<float>(power);
}

/// From e^-|x|, which cannot overflow.
inline float fast_sigmoid(float x) {
  const float e = exp_nonpositive(-std::fabs(x)), near = 1.0f / (1.0f + e);
  return x < 0.0f ? e * near : near;
}
inline float fast_tanh(float x) {
  const float e = exp_nonpositive(-2.0f * std::fabs(x));
  return std::copysign((1.0f - e) / (1.0f + e), x);
}

/// Calls f(float{}) or f(Bf16{}).
template <class F>
void with_element_type(bool bf16, const F& f) {
  bf16 ? f(Bf16{}) : f(float{});
}

}  // namespace strata::kernels
