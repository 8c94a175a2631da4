// Bytes that are cut into blocks with a checksum each, verified when first touched: a mapped file
// is then as safe as one that was read whole, and a random access costs one bit test. Knows no file
// format.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace strata::data {

/// Bytes per block.
inline constexpr int64_t kBlockBytes = int64_t{1} << 20;

int64_t block_count(int64_t bytes);

/// CRC32C of every block; the last one may be short.
std::vector<uint32_t> block_digests(std::span<const std::byte> bytes);

class CheckedBlocks {
 public:
  /// Told the number of a block that does not match its digest; must throw.
  using OnDamage = std::function<void(int64_t block)>;

  /// Borrows `bytes`; one digest per block.
  CheckedBlocks(std::span<const std::byte> bytes, std::vector<uint32_t> digests,
                OnDamage on_damage);

  /// Bytes [begin, end) after their blocks were found sound. Thread-safe.
  std::span<const std::byte> get(int64_t begin, int64_t end) const;
  std::span<const std::byte> get_all() const { return get(0, size()); }
  int64_t size() const { return static_cast<int64_t>(bytes_.size()); }

  /// Numbers of all damaged blocks, seen before or not.
  std::vector<int64_t> damaged() const;

 private:
  bool is_sound(int64_t block) const;

  std::span<const std::byte> bytes_;
  std::vector<uint32_t> digests_;
  std::unique_ptr<std::atomic<bool>[]> verified_;
  OnDamage on_damage_;
};

}  // namespace strata::data
