// Rotary position embedding in the half-rotation form of Hugging Face llama: element i of a head
// turns with element i + head_dim / 2. (Su et al., "RoFormer", 2021.) Turns heads in place inside a
// fused row; backward is the turn the other way.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace strata::kernels {

/// Stretching of the frequencies, with the meaning of Hugging Face `rope_scaling`.
struct RopeScaling {
  std::string type = "default";  ///< default | linear | llama3
  double factor = 1.0;
  double low_freq_factor = 1.0;   ///< llama3
  double high_freq_factor = 4.0;  ///< llama3
  int64_t original_context = 8192;
};

/// Cosines and sines of positions 0 .. context - 1, in fp32 as transformers computes them.
class RopeTable {
 public:
  RopeTable(int64_t head_dim, int64_t context, double theta, const RopeScaling& scaling,
            at::Device device = at::kCPU);
  const at::Tensor& cos_ph() const { return cos_ph_; }  ///< [context, head_dim / 2]
  const at::Tensor& sin_ph() const { return sin_ph_; }
  int64_t head_dim() const { return head_dim_; }

 private:
  int64_t head_dim_;
  at::Tensor cos_ph_, sin_ph_;
};

enum class Turn : bool { kForward, kBack };

/// Turns the first `heads` heads of each row of x_nf [n, f] (f >= heads * head_dim, rows may be
/// strided) by the row's position (positions_n int64, n elements, within the table). Fused q,k,v:
/// heads = query heads + key heads.
void rotate_in_place(at::Tensor& x_nf, const at::Tensor& positions_n, const RopeTable& table,
                     int64_t heads, Turn turn);

}  // namespace strata::kernels
