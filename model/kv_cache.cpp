#include "model/kv_cache.h"

#include <ATen/ops/zeros.h>

namespace strata::model {

// Zeros, not garbage: places that no token has reached are masked, and a masked NaN is still NaN
// times zero.
KvCache::KvCache(int64_t rows, int64_t max_length, int64_t kv_heads, int64_t head_dim,
                 at::TensorOptions options)
    : k_bskd_(at::zeros({rows, max_length, kv_heads, head_dim}, options)),
      v_bskd_(at::zeros({rows, max_length, kv_heads, head_dim}, options)) {}

void KvCache::move_row(int64_t from, int64_t to) {
  k_bskd_.select(0, to).copy_(k_bskd_.select(0, from));
  v_bskd_.select(0, to).copy_(v_bskd_.select(0, from));
}

void KvCache::write(const at::Tensor& places_n, const at::Tensor& k_nkd, const at::Tensor& v_nkd) {
  k_bskd_.flatten(0, 1).index_copy_(0, places_n, k_nkd);
  v_bskd_.flatten(0, 1).index_copy_(0, places_n, v_nkd);
}

KvCache::View KvCache::rows(int64_t first, int64_t count) const {
  return {k_bskd_.narrow(0, first, count), v_bskd_.narrow(0, first, count)};
}

}  // namespace strata::model
