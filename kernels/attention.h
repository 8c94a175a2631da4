// Scaled dot-product attention, forward and backward, with grouped key/value heads, causal and
// sliding-window masks, and documents that do not see each other. attention.cpp picks the fastest
// way; attention_reference.h is the plain one beside it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace strata::kernels {

/// Which keys a query sees: those at or before its own place (causal), fewer than `window` back, of
/// its own document. Without documents each row is one document.
struct AttentionMask {
  bool causal = true;
  int64_t window = 0;      ///< 0: no limit; w: the query itself and the w - 1 before it
  at::Tensor document_bt;  ///< int64 [b, t], numbers of 31 bits; padding may have a negative one
  /// Where queries and keys are pieces of a longer sequence (context parallel): their places, int64
  /// [t], and the keys' documents [b, keys]. Undefined: places 0, 1, 2 ..., the queries' documents.
  at::Tensor query_place_t, key_place_t, key_document_bt;
};

/// Dropout of the attention weights, keyed by the global head and the tokens of query and key:
/// every layout draws the same.
struct AttentionDropout {
  double p = 0.0;
  uint64_t key = 0;
  at::Tensor token_bt;     ///< int64 [b, t]
  int64_t first_head = 0;  ///< global number of q's first head
};

/// The Philox key of query head `head` (counted from first_head). The weight of a key at place k is
/// dropped by word k % 4 of the block (this key; the query's token, k / 4); see dropout_threshold.
uint64_t attention_dropout_key(const AttentionDropout& dropout, int64_t head);

struct AttentionOptions {
  double scale = 0.0;  ///< 0: 1 / sqrt(head_dim)
  AttentionMask mask;
  AttentionDropout dropout;
};

/// All [b, t, heads, head_dim] (k and v of one length, which may differ from q's), fp32 or bf16,
/// the last dimension contiguous; k and v may have fewer heads: query head h reads key head h /
/// (heads / kv_heads).
struct QueryKeyValue {
  at::Tensor q_bthd, k_btkd, v_btkd;
};

struct AttentionForward {
  at::Tensor out_bthd;  ///< contiguous
  at::Tensor
      logsum_bht;  ///< fp32: log of the sum of exp(score), -inf for a query that sees nothing
};
AttentionForward attention_forward(const QueryKeyValue& in, const AttentionOptions& options);

/// `forward` may be merged from several calls with other keys: its logsum is then over all of them.
/// Writes the gradients into `grads`, whose tensors have the shapes of `in` and may be views of one
/// fused tensor.
void attention_backward(const at::Tensor& grad_out_bthd, const QueryKeyValue& in,
                        const AttentionForward& forward, const AttentionOptions& options,
                        QueryKeyValue& grads);

/// For generation: row b's queries q_bthd [b, t, heads, d] stand at places start_b[b] .. start_b[b]
/// + t - 1 of a cache k_bskd, v_bskd [b, s, kv_heads, d] that already holds their keys; each sees
/// the places up to its own (fewer than `window` back; 0: all). start_b int64 on the CPU. -> [b, t,
/// heads, d]
at::Tensor attention_cached(const at::Tensor& q_bthd, const at::Tensor& k_bskd,
                            const at::Tensor& v_bskd, const at::Tensor& start_b, double scale,
                            int64_t window);

}  // namespace strata::kernels
