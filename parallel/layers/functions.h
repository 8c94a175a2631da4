// Differentiable operations without parameters, over the kernels: activations, attention, dropout,
// noise, recompute.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/rope.h"
#include "parallel/comm/communicator.h"
#include "parallel/layers/heads.h"
#include "parallel/layers/pass.h"

namespace strata::parallel {

/// silu(gate) * up of a fused gate_up_nf [n, 2 f] -> [n, f]
at::Tensor swiglu(const at::Tensor& gate_up_nf);
at::Tensor gelu(const at::Tensor& x_nf, kernels::Gelu kind);

/// dropout(x) of one site; x itself where p is 0 or the pass draws none. x_nd: all tokens, or with
/// pass.sequence this rank's slice
/// (`tensor_rank` of `tensor_ranks` slices).
at::Tensor dropout(const at::Tensor& x_nd, double p, std::string_view site, const Pass& pass,
                   int tensor_rank, int tensor_ranks);

/// Embeddings with the noise of the pass (Jain et al. 2023, "NEFTune"); x itself where it has none.
/// Slices as in dropout().
at::Tensor with_noise(const at::Tensor& x_nd, const Pass& pass, int tensor_rank, int tensor_ranks);

/// How the rows of a fused qkv are attended.
struct SelfAttention {
  int64_t rows = 0, time = 0;                     ///< n = rows * time
  int64_t heads = 0, kv_heads = 0, head_dim = 0;  ///< on this rank
  const kernels::RopeTable* rope = nullptr;       ///< nullptr: no rotation (learned positions)
  at::Tensor positions_n;                         ///< int64, where rope is set
  kernels::AttentionOptions options;
  /// The ranks that share each row; options.mask.query_place_t are then the places of the own
  /// tokens. nullptr: rows are whole.
  Communicator* ring = nullptr;
};
/// qkv_nf [n, (heads + 2 kv_heads) head_dim], as ColumnParallelLinear {q, kv, kv} gives it -> [n,
/// heads * head_dim]. qkv is used up: queries and keys are rotated in place.
at::Tensor self_attention(const at::Tensor& qkv_nf, const SelfAttention& how);

/// fn(x), keeping only x: backward runs fn again to get the graph. fn must be a function of x alone
/// but for parameters and counter-based draws, and gives one tensor. Without grad mode, or where x
/// needs no gradient, it is fn(x).
at::Tensor checkpointed(const std::function<at::Tensor(const at::Tensor&)>& fn,
                        const at::Tensor& x);

}  // namespace strata::parallel
