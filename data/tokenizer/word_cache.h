// Remembers the ids of words already encoded, as text repeats its words. Bounded: when full, it
// forgets all and begins anew. Belongs to one thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::data {

class WordCache {
 public:
  static constexpr size_t kLongestWord = 255;  ///< bytes; longer words are not kept

  WordCache() { clear(); }

  /// The ids of a word kept before; an empty span if it was not (no word has no ids here). Valid
  /// until keep().
  std::span<const int32_t> find(std::string_view word) {
    last_hash_ = hash_of(word);
    const Slot& slot = slots_[place_of(word)];
    return {ids_.data() + slot.first_id, slot.id_count};
  }

  /// Keeps the ids of the word that the last find() looked for.
  void keep(std::string_view word, std::span<const int32_t> ids) {
    if (word.size() > kLongestWord || ids.empty()) return;
    if (2 * (used_ + 1) > kSlots || text_.size() > kTextLimit) clear();
    slots_[place_of(word)] = {
        last_hash_, static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(word.size()),
        static_cast<uint32_t>(ids_.size()), static_cast<uint32_t>(ids.size())};
    text_.append(word);
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    ++used_;
  }

 private:
  struct Slot {
    uint64_t hash = 0;
    uint32_t text = 0, text_size = 0, first_id = 0, id_count = 0;
  };
  static constexpr size_t kSlots = 1 << 16, kTextLimit = 4 << 20;

  static uint64_t hash_of(std::string_view word) {
    uint64_t hash = word.size() * 0x9E3779B97F4A7C15u;
    while (word.size() >= 8) {
      uint64_t block;
      std::memcpy(&block, word.data(), 8);
      hash = mix(hash ^ block);
      word.remove_prefix(8);
    }
    uint64_t tail = 0;
    if (!word.empty()) std::memcpy(&tail, word.data(), word.size());
    return mix(hash ^ tail);
  }

  static uint64_t mix(uint64_t value) {
    value *= 0xD6E8FEB86659FD93u;
    return value ^ value >> 32;
  }

  size_t place_of(std::string_view word) const {
    size_t at = last_hash_ & (kSlots - 1);
    while (slots_[at].text_size != 0) {
      const Slot& slot = slots_[at];
      if (slot.hash == last_hash_ &&
          word == std::string_view(text_).substr(slot.text, slot.text_size))
        break;
      at = (at + 1) & (kSlots - 1);
    }
    return at;
  }

  void clear() {
    slots_.assign(kSlots, Slot{});
    text_.clear();
    ids_.clear();
    used_ = 0;
  }

  std::vector<Slot> slots_;
  std::string text_;
  std::vector<int32_t> ids_;
  size_t used_ = 0;
  uint64_t last_hash_ = 0;
};

}  // namespace strata::data
