// Byte-pair encoding of one word: again and again the neighbours whose merge comes first become
// one, leftmost first, until no neighbours merge.
#pragma once

#include <cstdint>
#include <vector>

#include "data/tokenizer/pair_table.h"

namespace strata::data {

/// Merges `ids` in place. Short words are searched anew for every merge; long ones go through a
/// heap, n log n in all.
void merge_word(std::vector<int32_t>& ids, const PairTable& merges);

}  // namespace strata::data
