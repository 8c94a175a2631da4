#include "data/checked_blocks.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"

namespace strata::data {

namespace {

std::span<const std::byte> block_of(std::span<const std::byte> bytes, int64_t block) {
  const size_t begin = static_cast<size_t>(block * kBlockBytes);
  return bytes.subspan(begin, std::min<size_t>(kBlockBytes, bytes.size() - begin));
}

}  // namespace

int64_t block_count(int64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes; }

std::vector<uint32_t> block_digests(std::span<const std::byte> bytes) {
  std::vector<uint32_t> digests(
      static_cast<size_t>(block_count(static_cast<int64_t>(bytes.size()))));
  for (size_t b = 0; b < digests.size(); ++b) {
    const auto block = block_of(bytes, static_cast<int64_t>(b));
    digests[b] = base::crc32c(block.data(), block.size());
  }
  return digests;
}

CheckedBlocks::CheckedBlocks(std::span<const std::byte> bytes, std::vector<uint32_t> digests,
                             OnDamage on_damage)
    : bytes_(bytes), digests_(std::move(digests)), on_damage_(std::move(on_damage)) {
  base::ensure(static_cast<int64_t>(digests_.size()) == block_count(size()),
               "one digest per block");
  verified_ = std::make_unique<std::atomic<bool>[]>(digests_.size());
}

bool CheckedBlocks::is_sound(int64_t block) const {
  const auto bytes = block_of(bytes_, block);
  return base::crc32c(bytes.data(), bytes.size()) == digests_[static_cast<size_t>(block)];
}

std::span<const std::byte> CheckedBlocks::get(int64_t begin, int64_t end) const {
  base::ensure(begin >= 0 && begin <= end && end <= size(), "a window outside the bytes");
  for (int64_t block = begin / kBlockBytes; block < block_count(end); ++block) {
    // Two threads may both verify a block; they find the same.
    if (verified_[block].load(std::memory_order_acquire)) continue;
    if (!is_sound(block)) on_damage_(block);
    verified_[block].store(true, std::memory_order_release);
  }
  return bytes_.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

std::vector<int64_t> CheckedBlocks::damaged() const {
  std::vector<int64_t> blocks;
  for (int64_t block = 0; block < block_count(size()); ++block) {
    if (!is_sound(block)) blocks.push_back(block);
  }
  return blocks;
}

}  // namespace strata::data
