// How attention heads are dealt out over the tensor axis. Pure arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/params/shard_spec.h"

namespace strata::parallel {

/// A run of output (or input) features that is cut in whole units over the tensor axis: heads, or
/// single features (unit = 1). Fewer units than ranks: each unit lives on ranks / units of them (kv
/// heads).
struct Piece {
  int64_t units;
  int64_t unit = 1;
  int64_t size() const { return units * unit; }
};

/// This rank's run of a piece, in features from the piece's begin.
Range share_of(const Piece& piece, int rank, int ranks);

/// Query and key/value heads such that each rank holds the key heads of its query heads.
struct HeadShare {
  int64_t heads = 0, kv_heads = 0;  ///< on this rank
  int64_t first_head = 0;           ///< global number of its first query head
  Piece q, kv;  ///< for ColumnParallelLinear {q, kv, kv} and RowParallelLinear {q}
};
/// Whether they can be dealt out: kv_heads fewer than ranks must divide them, and the ranks the
/// heads.
bool can_share_heads(int64_t heads, int64_t kv_heads, int ranks);
/// UserError (parallel.tensor) where they cannot.
HeadShare share_heads(int64_t heads, int64_t kv_heads, int64_t head_dim, int rank, int ranks);

}  // namespace strata::parallel
