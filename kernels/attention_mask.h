// Which keys a block of queries sees, as the blocked attention on the CPU asks it.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/attention.h"

namespace strata::kernels {

/// How a block of keys looks from a block of queries.
enum class Sight : uint8_t { kNone, kSome, kAll };

/// The places and documents of one row of the batch, and the rules of AttentionMask on them.
class RowMask {
 public:
  /// Of row `b`; the keys are padded to a multiple of `key_block` with keys that nobody sees.
  RowMask(const AttentionMask& mask, int64_t b, int64_t queries, int64_t keys, int64_t key_block);

  /// Least and greatest place and document of a run of tokens.
  struct Extent {
    int32_t first_place, last_place, first_document, last_document;
  };
  Extent queries(int64_t first, int64_t count) const;
  /// What these queries see of key block number `block`.
  Sight sight(const Extent& queries, int64_t block) const;
  /// How many keys of the block there are up to the last that any of these queries can see in time,
  /// rounded up to a multiple of 16.
  int64_t reach(const Extent& queries, int64_t block) const;
  /// scores[j] <- -inf where query q does not see key j of the block, j < keys.
  void apply(int64_t q, int64_t block, int64_t keys, float* scores) const;
  int32_t key_place(int64_t key) const { return key_places_[key]; }

 private:
  /// The places that query q may see: [first, last].
  int32_t first_seen(int64_t q) const;
  int32_t last_seen(int64_t q) const;

  bool causal_;
  int64_t window_, key_block_;
  std::vector<int32_t> query_places_, key_places_, query_documents_, key_documents_;
  std::vector<Extent> key_extents_;  // of each block
};

}  // namespace strata::kernels
