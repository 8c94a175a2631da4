// Learns byte-pair merges from counted words: the pair of neighbours that occurs most often becomes
// one token, again and again. Deterministic: of pairs that occur equally often the one with the
// lower left id comes first, then the lower right id. Knows bytes and ids only; which words there
// are and what ids are called is its caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace strata::data {

/// Occurrences of each distinct word (as bytes).
using WordCounts = std::unordered_map<std::string, int64_t>;

struct LearnedMerge {
  int32_t left,
      right;  ///< ids; the merged token's own id is first_merge_id + its place in the list
};

struct BpeTraining {
  int64_t merges = 0;         ///< at most so many
  int32_t byte_id[256] = {};  ///< the id of each byte
  int32_t first_merge_id = 0;
  std::function<void(int64_t done, int64_t total)> progress;  ///< called now and then; may be empty
};

/// Fewer merges than asked for if no pair is left that occurs twice.
std::vector<LearnedMerge> learn_merges(const WordCounts& words, const BpeTraining& training);

}  // namespace strata::data
