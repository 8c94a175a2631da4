// The vectorised pieces of blocked attention on the CPU: products of small fp32 blocks and the
// operations on rows of a block of scores. Knows neither heads nor masks' meaning.
#pragma once

#include <cstdint>

namespace strata::kernels::blocks {

/// A block's operand whose element (i, p) lies at data[i * row + p * column].
struct Operand {
  const float* data;
  int64_t row, column;
};

/// c[m, n] (+)= a[m, k] b[k, n]; b and c are dense in n, n is a multiple of 8. With `add` false c
/// is overwritten.
void product(int64_t m, int64_t n, int64_t k, Operand a, const float* b, int64_t b_row, float* c,
             int64_t c_row, bool add);

/// Widens `rows` rows of `width` fp32 or bf16 elements into rows of `padded` floats, times `scale`;
/// what is beyond `width` becomes 0.
void widen_rows(const void* x, bool bf16, int64_t x_row, int64_t rows, int64_t width, float scale,
                float* y, int64_t padded);
/// The way back: rounds `width` floats of each row, times `scale`.
void narrow_rows(const float* x, int64_t x_row, int64_t rows, int64_t width, float scale, void* y,
                 bool bf16, int64_t y_row);

/// scores[j] <- -inf where key j lies outside [first, last] or belongs to another document.
void mask_row(float* scores, const int32_t* places, const int32_t* documents, int32_t first,
              int32_t last, int32_t document, int64_t n);

/// One step of the online softmax on each row of `n` scores, `stride` apart: scores <- exp(scores -
/// new maximum), and the row of `out` (`width` floats) that was summed before shrinks with the
/// maximum. (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018.)
void softmax_rows(int64_t rows, int64_t n, int64_t stride, float* scores, float* max, float* sum,
                  float* out, int64_t width);

/// scores <- exp(scores - logsum); a row that sees nothing (logsum = -inf) gives zeros.
void probabilities_rows(int64_t rows, int64_t n, int64_t stride, float* scores,
                        const float* logsum);

/// grad <- probabilities * (grad - dot): from the gradient of probabilities to that of scores.
void softmax_grad_rows(int64_t rows, int64_t n, int64_t stride, float* grad,
                       const float* probabilities, const float* dot);

float dot_row(const float* x, const float* y, int64_t n);

/// dots[i] = q . row i, of `rows` rows of `width` fp32 or bf16 elements, `x_row` elements apart.
void dot_rows(const float* q, const void* x, bool bf16, int64_t x_row, int64_t rows, int64_t width,
              float* dots);
/// out = sum of weights[i] * row i.
void weigh_rows(const float* weights, const void* x, bool bf16, int64_t x_row, int64_t rows,
                int64_t width, float* out);

/// x[j] <- 0 where draws[j] < threshold, else x[j] * scale.
void drop_row(float* x, const uint32_t* draws, uint32_t threshold, float scale, int64_t n);

}  // namespace strata::kernels::blocks
