// The layer state of an attention block: keys and values of the tokens so far, a row per sequence.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/block.h"

namespace strata::model {

class KvCache : public LayerState {
 public:
  KvCache(int64_t rows, int64_t max_length, int64_t kv_heads, int64_t head_dim,
          at::TensorOptions options);

  void move_row(int64_t from, int64_t to) override;

  /// Stores k_nkd and v_nkd [n, kv_heads, head_dim] at places_n (row * max_length + place).
  void write(const at::Tensor& places_n, const at::Tensor& k_nkd, const at::Tensor& v_nkd);

  struct View {
    at::Tensor k_bskd, v_bskd;  ///< [rows, max_length, kv_heads, head_dim]
  };
  View rows(int64_t first, int64_t count) const;

 private:
  at::Tensor k_bskd_, v_bskd_;
};

}  // namespace strata::model
