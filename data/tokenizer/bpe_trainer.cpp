#include "data/tokenizer/bpe_trainer.h"

#include <algorithm>
#include <queue>
#include <string_view>
#include <utility>

namespace strata::data {
namespace {

constexpr int64_t kLeastCount = 2;
constexpr int64_t kProgressEvery = 64;

struct TrainingWord {
  std::vector<int32_t> ids;
  int64_t count;
};

struct PairInfo {
  int64_t count = 0;
  std::vector<uint32_t> words;  ///< where it was seen; some may have lost it since, none is missing

  void note(uint32_t word) {
    if (words.empty() || words.back() != word) words.push_back(word);
  }
};

using PairKey = uint64_t;  // left id above, right id below: ordered as ties are broken

PairKey pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

struct RankedPair {
  int64_t count;
  PairKey key;
  bool operator<(const RankedPair& other) const {  // priority_queue gives the greatest
    return count != other.count ? count < other.count : key > other.key;
  }
};

class PairMerger {
 public:
  PairMerger(const WordCounts& words, const BpeTraining& training) : training_(training) {
    // The order of a hash table must not show: words are put in the order of their bytes.
    std::vector<std::pair<std::string_view, int64_t>> sorted(words.begin(), words.end());
    std::sort(sorted.begin(), sorted.end());
    words_.reserve(sorted.size());
    for (const auto& [bytes, count] : sorted) {
      TrainingWord word{{}, count};
      for (const char byte : bytes)
        word.ids.push_back(training.byte_id[static_cast<uint8_t>(byte)]);
      words_.push_back(std::move(word));
    }
    for (uint32_t index = 0; index < words_.size(); ++index) {
      for_each_pair(words_[index].ids, [&](int32_t left, int32_t right) {
        PairInfo& info = pairs_[pair_key(left, right)];
        info.count += words_[index].count;
        info.note(index);
      });
    }
    for (const auto& [key, info] : pairs_) queue_.push({info.count, key});
  }

  std::vector<LearnedMerge> run() {
    std::vector<LearnedMerge> merges;
    while (static_cast<int64_t>(merges.size()) < training_.merges) {
      const PairKey key = pop_most_frequent();
      if (key == kNoPair) break;
      const LearnedMerge merge{static_cast<int32_t>(key >> 32),
                               static_cast<int32_t>(key & 0xFFFFFFFF)};
      apply(merge, training_.first_merge_id + static_cast<int32_t>(merges.size()));
      merges.push_back(merge);
      const auto done = static_cast<int64_t>(merges.size());
      if (training_.progress && (done % kProgressEvery == 0 || done == training_.merges))
        training_.progress(done, training_.merges);
    }
    return merges;
  }

 private:
  static constexpr PairKey kNoPair = UINT64_MAX;

  /// Entries of the queue may be too high, as counts fall: those are put back with their true
  /// count.
  PairKey pop_most_frequent() {
    while (!queue_.empty()) {
      RankedPair top = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(top.key);
      const int64_t count = found == pairs_.end() ? 0 : found->second.count;
      if (count < kLeastCount) continue;
      if (count == top.count) return top.key;
      top.count = count;
      queue_.push(top);
    }
    return kNoPair;
  }

  void apply(const LearnedMerge& merge, int32_t merged) {
    const auto found = pairs_.find(pair_key(merge.left, merge.right));
    std::vector<uint32_t> where = std::move(found->second.words);
    pairs_.erase(found);
    std::sort(where.begin(), where.end());
    where.erase(std::unique(where.begin(), where.end()), where.end());
    fresh_.clear();
    for (const uint32_t index : where) rewrite(index, merge, merged);
    std::sort(fresh_.begin(), fresh_.end());
    fresh_.erase(std::unique(fresh_.begin(), fresh_.end()), fresh_.end());
    for (const PairKey key : fresh_) queue_.push({pairs_[key].count, key});
  }

  /// Counts a word's pairs out, merges in it, and counts its pairs in again. Only pairs with the
  /// merged token gain by it.
  void rewrite(uint32_t index, const LearnedMerge& merge, int32_t merged) {
    TrainingWord& word = words_[index];
    std::vector<int32_t>& ids = word.ids;
    for_each_pair(ids, [&](int32_t left, int32_t right) {
      const bool is_merge = left == merge.left && right == merge.right;
      if (!is_merge) pairs_[pair_key(left, right)].count -= word.count;
    });
    size_t kept = 0;
    for (size_t i = 0; i < ids.size(); ++kept) {
      const bool merges = i + 1 < ids.size() && ids[i] == merge.left && ids[i + 1] == merge.right;
      ids[kept] = merges ? merged : ids[i];
      i += merges ? 2 : 1;
    }
    ids.resize(kept);
    for_each_pair(ids, [&](int32_t left, int32_t right) {
      PairInfo& info = pairs_[pair_key(left, right)];
      info.count += word.count;
      if (left != merged && right != merged) return;
      info.note(index);
      fresh_.push_back(pair_key(left, right));
    });
  }

  template <class Use>
  static void for_each_pair(const std::vector<int32_t>& ids, const Use& use) {
    for (size_t i = 0; i + 1 < ids.size(); ++i) use(ids[i], ids[i + 1]);
  }

  const BpeTraining& training_;
  std::vector<TrainingWord> words_;
  std::unordered_map<PairKey, PairInfo> pairs_;
  std::priority_queue<RankedPair> queue_;
  std::vector<PairKey> fresh_;
};

}  // namespace

std::vector<LearnedMerge> learn_merges(const WordCounts& words, const BpeTraining& training) {
  return PairMerger(words, training).run();
}

}  // namespace strata::data
