#include "kernels/host_memory.h"

#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace strata::kernels {
namespace {

constexpr size_t kSmallest = 64 << 10;  // below, malloc is good enough
constexpr size_t kHugePage = 2 << 20, kCacheLine = 64;
// Idle blocks beyond this, when new memory is needed, go back to the system.
constexpr size_t kIdleFloor = 64 << 20;

/// An eighth of a power of two at the coarsest: sizes that differ little share blocks.
size_t size_class(size_t bytes) {
  const size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

struct Block {
  void* data;
  size_t size;
};

class ReusingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < kSmallest) return c10::GetDefaultCPUAllocator()->allocate(bytes);
    Block* block = take(size_class(bytes));
    return {block->data, block, &ReusingAllocator::give_back, c10::Device(c10::DeviceType::CPU)};
  }

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
  Block* take(size_t size) {
    const std::lock_guard lock(mutex_);
    used_ += size;
    std::vector<Block*>& waiting = waiting_[size];
    if (!waiting.empty()) {
      Block* block = waiting.back();
      waiting.pop_back();
      idle_ -= size;
      return block;
    }
    shed();
    return new Block{from_system(size), size};
  }

  static void give_back(void* context) {
    auto* block = static_cast<Block*>(context);
    ReusingAllocator& self = instance();
    const std::lock_guard lock(self.mutex_);
    self.used_ -= block->size;
    self.idle_ += block->size;
    self.waiting_[block->size].push_back(block);
  }

  /// The largest idle blocks go until a quarter of what is used, and a little, is idle.
  void shed() {
    for (auto sizes = waiting_.rbegin(); sizes != waiting_.rend(); ++sizes) {
      while (!sizes->second.empty() && idle_ > used_ / 4 + kIdleFloor) {
        Block* block = sizes->second.back();
        sizes->second.pop_back();
        idle_ -= block->size;
        std::free(block->data);
        delete block;
      }
    }
  }

  static void* from_system(size_t size) {
    const size_t alignment = size >= kHugePage ? kHugePage : kCacheLine;
    void* data = nullptr;
    if (posix_memalign(&data, alignment, size) != 0) throw std::bad_alloc();
    if (size >= kHugePage) madvise(data, size, MADV_HUGEPAGE);  // a wish; refusal does not matter
    return data;
  }

  std::mutex mutex_;
  std::map<size_t, std::vector<Block*>> waiting_;  // by size
  size_t used_ = 0, idle_ = 0;
};

}  // namespace

void reuse_host_memory() {
  constexpr uint8_t kOverTheDefault = 1;
  c10::SetCPUAllocator(&ReusingAllocator::instance(), kOverTheDefault);
}

HostMemory host_memory() { return ReusingAllocator::instance().held(); }

}  // namespace strata::kernels
