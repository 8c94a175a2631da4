#include "kernels/host_memory.h"

#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

namespace strata::kernels {
namespace {

constexpr size_t kSmallest = 64 << 10;  // below, malloc is good enough
constexpr size_t kHugePage = 2 << 20, kPage = 4 << 10;
constexpr size_t kSpare = 64 << 20;

/// An eighth of a power of two at the coarsest: sizes that differ little share blocks.
size_t size_class(size_t bytes) {
  const size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

/// Whoever frees has the address alone (oneDNN asks LibTorch for raw memory), so sizes are kept
/// beside the blocks.
class ReusingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes < kSmallest ? c10::GetDefaultCPUAllocator()->raw_allocate(bytes)
                                   : take(size_class(bytes));
    return {data, data, &ReusingAllocator::give_back, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &ReusingAllocator::give_back; }

  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  HostMemory held() {
    const std::lock_guard lock(mutex_);
    return {static_cast<int64_t>(used_), static_cast<int64_t>(idle_)};
  }

  /// Lives as long as the process: tensors outlive every other owner.
  static ReusingAllocator& instance() {
    static auto* const allocator = new ReusingAllocator;
    return *allocator;
  }

 private:
  void* take(size_t size) {
    const std::lock_guard lock(mutex_);
    used_ += size;
    most_used_ = std::max(most_used_, used_);
    std::vector<void*>& waiting = waiting_[size];
    if (!waiting.empty()) {
      void* block = waiting.back();
      waiting.pop_back();
      idle_ -= size;
      return block;
    }
    shed();
    void* block = from_system(size);
    size_of_.emplace(block, size);
    return block;
  }

  static void give_back(void* data) {
    if (!instance().keep(data)) c10::GetDefaultCPUAllocator()->raw_deallocate(data);
  }

  /// False: not one of the blocks, which all begin a page.
  bool keep(void* data) {
    if (data == nullptr || reinterpret_cast<uintptr_t>(data) % kPage != 0) return false;
    const std::lock_guard lock(mutex_);
    const auto block = size_of_.find(data);
    if (block == size_of_.end()) return false;
    used_ -= block->second;
    idle_ += block->second;
    waiting_[block->second].push_back(data);
    return true;
  }

  /// The largest idle blocks go back to the system until a quarter more is held than was ever used
  /// at once, and a little. What is used now says too little: a step begins with nearly nothing,
  /// and would give away what its end needs again.
  void shed() {
    for (auto sizes = waiting_.rbegin(); sizes != waiting_.rend(); ++sizes) {
      auto& [size, blocks] = *sizes;
      while (!blocks.empty() && used_ + idle_ > most_used_ + most_used_ / 4 + kSpare) {
        size_of_.erase(blocks.back());
        std::free(blocks.back());
        blocks.pop_back();
        idle_ -= size;
      }
    }
  }

  static void* from_system(size_t size) {
    void* data = nullptr;
    if (posix_memalign(&data, size >= kHugePage ? kHugePage : kPage, size) != 0)
      throw std::bad_alloc();
    if (size >= kHugePage) madvise(data, size, MADV_HUGEPAGE);  // a wish; refusal does not matter
    return data;
  }

  std::mutex mutex_;
  std::unordered_map<void*, size_t> size_of_;     // all blocks
  std::map<size_t, std::vector<void*>> waiting_;  // idle ones, by size
  size_t used_ = 0, idle_ = 0, most_used_ = 0;
};

}  // namespace

void reuse_host_memory() {
  constexpr uint8_t kOverTheDefault = 1;
  c10::SetCPUAllocator(&ReusingAllocator::instance(), kOverTheDefault);
}

HostMemory host_memory() { return ReusingAllocator::instance().held(); }

}  // namespace strata::kernels
