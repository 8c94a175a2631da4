// The merges of a byte-pair vocabulary: for two neighbouring ids, which id they become and how
// early. A flat hash table, as this look-up is what encoding spends its time on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace strata::data {

struct Merge {
  uint32_t rank = kNone;  ///< the lower, the earlier it is done
  int32_t id = -1;        ///< of the merged token
  static constexpr uint32_t kNone = UINT32_MAX;
};

class PairTable {
 public:
  explicit PairTable(size_t expected_pairs = 0) { resize(2 * expected_pairs); }

  /// A pair given twice keeps the later merge.
  void set(int32_t left, int32_t right, Merge merge) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[place_of(key_of(left, right))];
    used_ += slot.key == kEmpty;
    slot = {key_of(left, right), merge};
  }

  /// The merge of a pair; rank kNone if there is none.
  Merge find(int32_t left, int32_t right) const {
    const Slot& slot = slots_[place_of(key_of(left, right))];
    return slot.key == kEmpty ? Merge{} : slot.merge;
  }

 private:
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  static constexpr uint64_t kEmpty = UINT64_MAX;  // ids are not negative, so no pair has this key

  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  /// Where the key is, or the empty slot where it would be put.
  size_t place_of(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    size_t at = (key * 0x9E3779B97F4A7C15u) >> 32 & mask;
    while (slots_[at].key != key && slots_[at].key != kEmpty) at = (at + 1) & mask;
    return at;
  }

  void resize(size_t at_least) {
    size_t size = 16;
    while (size < at_least) size *= 2;
    slots_.assign(size, Slot{});
  }

  void grow() {
    std::vector<Slot> old = std::move(slots_);
    resize(2 * old.size());
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[place_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t used_ = 0;
};

}  // namespace strata::data
