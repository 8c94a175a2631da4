// Products of the blocks of attention. A tile of the result stays in registers while the inner
// dimension runs; how large it is depends on how many and how wide the processor's registers are.
#include "kernels/attention_blocks.h"

namespace strata::kernels::blocks {
namespace {

constexpr int kRows = 6;  // of a tile

using Eight = float __attribute__((vector_size(32), aligned(4), may_alias));
using Sixteen = float __attribute__((vector_size(64), aligned(4), may_alias));
template <int kLanes>
struct Register;
template <>
struct Register<8> {
  using Type = Eight;
};
template <>
struct Register<16> {
  using Type = Sixteen;
};

/// M rows by W registers of the product.
template <int kLanes, int M, int W>
[[gnu::always_inline]] inline void tile(int64_t k, Operand a, const float* b, int64_t b_row,
                                        float* c, int64_t c_row, bool add) {
  using Lanes = typename Register<kLanes>::Type;
  Lanes sums[M][W];
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < W; ++j)
      sums[i][j] = add ? *reinterpret_cast<Lanes*>(c + i * c_row + j * kLanes) : Lanes{};
  for (int64_t p = 0; p < k; ++p) {
    Lanes row[W];
    for (int j = 0; j < W; ++j)
      row[j] = *reinterpret_cast<const Lanes*>(b + p * b_row + j * kLanes);
    for (int i = 0; i < M; ++i) {
      const float x = a.data[i * a.row + p * a.column];
      for (int j = 0; j < W; ++j) sums[i][j] += x * row[j];
    }
  }
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < W; ++j) *reinterpret_cast<Lanes*>(c + i * c_row + j * kLanes) = sums[i][j];
}

/// M rows and all columns: tiles as wide as fit, then narrower ones.
template <int kLanes, int W, int M>
[[gnu::always_inline]] inline void strip(int64_t n, int64_t k, Operand a, const float* b,
                                         int64_t b_row, float* c, int64_t c_row, bool add) {
  int64_t j = 0;
  for (; j + W * kLanes <= n; j += W * kLanes)
    tile<kLanes, M, W>(k, a, b + j, b_row, c + j, c_row, add);
  if (W > 2 && j + 2 * kLanes <= n) {
    tile<kLanes, M, 2>(k, a, b + j, b_row, c + j, c_row, add);
    j += 2 * kLanes;
  }
  for (; j + kLanes <= n; j += kLanes) tile<kLanes, M, 1>(k, a, b + j, b_row, c + j, c_row, add);
  if (j < n) tile<8, M, 1>(k, a, b + j, b_row, c + j, c_row, add);
}

template <int kLanes, int W>
[[gnu::always_inline]] inline void strips(int64_t m, int64_t n, int64_t k, Operand a,
                                          const float* b, int64_t b_row, float* c, int64_t c_row,
                                          bool add) {
  int64_t i = 0;
  for (; i + kRows <= m; i += kRows) {
    strip<kLanes, W, kRows>(n, k, {a.data + i * a.row, a.row, a.column}, b, b_row, c + i * c_row,
                            c_row, add);
  }
  const Operand rest{a.data + i * a.row, a.row, a.column};
  float* c_rest = c + i * c_row;
  switch (m - i) {
    case 1:
      return strip<kLanes, W, 1>(n, k, rest, b, b_row, c_rest, c_row, add);
    case 2:
      return strip<kLanes, W, 2>(n, k, rest, b, b_row, c_rest, c_row, add);
    case 3:
      return strip<kLanes, W, 3>(n, k, rest, b, b_row, c_rest, c_row, add);
    case 4:
      return strip<kLanes, W, 4>(n, k, rest, b, b_row, c_rest, c_row, add);
    case 5:
      return strip<kLanes, W, 5>(n, k, rest, b, b_row, c_rest, c_row, add);
  }
}

/// 16 registers: 6 x 2 sums, 2 of b and 1 of a.
[[gnu::target_clones("arch=x86-64-v3", "default")]] void product_of_eights(
    int64_t m, int64_t n, int64_t k, Operand a, const float* b, int64_t b_row, float* c,
    int64_t c_row, bool add) {
  strips<8, 2>(m, n, k, a, b, b_row, c, c_row, add);
}

/// 32 registers of twice the width: 6 x 4 sums, 4 of b and 1 of a.
[[gnu::target("arch=x86-64-v4")]] void product_of_sixteens(int64_t m, int64_t n, int64_t k,
                                                           Operand a, const float* b, int64_t b_row,
                                                           float* c, int64_t c_row, bool add) {
  strips<16, 4>(m, n, k, a, b, b_row, c, c_row, add);
}

}  // namespace

void product(int64_t m, int64_t n, int64_t k, Operand a, const float* b, int64_t b_row, float* c,
             int64_t c_row, bool add) {
  static const bool has_sixteens = __builtin_cpu_supports("x86-64-v4");
  (has_sixteens ? product_of_sixteens : product_of_eights)(m, n, k, a, b, b_row, c, c_row, add);
}

}  // namespace strata::kernels::blocks
