// The block that all four architectures share: norm, attention, residual, norm, feed-forward,
// residual (the pre-norm transformer of GPT-2), with what they differ in as a style. Its layers are
// cut over the tensor axis; names are global.
#pragma once

#include <memory>

#include "kernels/norm.h"
#include "model/architecture.h"

namespace strata::model {

struct TransformerStyle {
  kernels::NormKind norm = kernels::NormKind::kRms;
  bool rotary = true;  ///< else learned positions, added to the embedding
  bool gated = true;   ///< silu(gate) * up, else gelu (tanh form)
  bool qkv_bias = false;
  bool fused_qkv = false;    ///< there queries, keys and values are one matrix, with one adapter
  bool linear_bias = false;  ///< of the output projections and the feed-forward
  bool norm_bias = false;
  bool scaled_output_init = false;  ///< output projections start with 0.02 / sqrt(2 layers)
                                    ///< (Radford et al., GPT-2), else 0.02 as all others
};

std::unique_ptr<Embedding> make_transformer_embedding(Site& site, const TransformerStyle& style);
std::unique_ptr<Block> make_transformer_block(Site& site, int layer, const TransformerStyle& style);
std::unique_ptr<FinalNorm> make_transformer_norm(Site& site, const TransformerStyle& style);
double transformer_flops(const ModelConfig& config, const TransformerStyle& style, double attended);

/// 8/3 width to the next multiple of 16: as many weights as 4 width without a gate.
int64_t gated_ffn(int64_t width);

}  // namespace strata::model
