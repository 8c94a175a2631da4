#include "parallel/layers/heads.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"

namespace strata::parallel {

Range share_of(const Piece& piece, int rank, int ranks) {
  Range share;
  if (piece.units >= ranks) {
    share = even_share(piece.units, rank, ranks);
  } else {
    base::ensure(ranks % piece.units == 0, "units fewer than ranks must divide them");
    const int copies = ranks / static_cast<int>(piece.units);
    share = {rank / copies, rank / copies + 1, rank % copies, copies};
  }
  share.begin *= piece.unit;
  share.end *= piece.unit;
  return share;
}

bool can_share_heads(int64_t heads, int64_t kv_heads, int ranks) {
  if (kv_heads >= ranks) return true;
  return ranks % kv_heads == 0 && heads % ranks == 0;
}

HeadShare share_heads(int64_t heads, int64_t kv_heads, int64_t head_dim, int rank, int ranks) {
  if (!can_share_heads(heads, kv_heads, ranks)) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("parallel.tensor: {} ranks cannot share {} heads with {} key heads", ranks,
                    heads, kv_heads));
  }
  HeadShare share;
  // Where every rank has key heads of its own, query heads go with theirs: a unit is a whole group.
  const int64_t group = kv_heads >= ranks ? heads / kv_heads : 1;
  share.q = {heads / group, group * head_dim};
  share.kv = {kv_heads, head_dim};
  const Range q = share_of(share.q, rank, ranks), kv = share_of(share.kv, rank, ranks);
  share.heads = (q.end - q.begin) / head_dim;
  share.kv_heads = (kv.end - kv.begin) / head_dim;
  share.first_head = q.begin / head_dim;
  return share;
}

}  // namespace strata::parallel
