// Freed blocks of CPU tensors come back, and idle ones do not pile up.
#include "kernels/host_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace strata::kernels {
namespace {

class HostMemoryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { reuse_host_memory(); }
};

TEST_F(HostMemoryTest, AFreedBlockIsReusedByTheNextOfItsSize) {
  const void* first = nullptr;
  {
    const at::Tensor x = at::full({1 << 20}, 3.0f);
    first = x.const_data_ptr();
  }
  const at::Tensor y = at::empty({(1 << 20) - 100});  // of the same class
  EXPECT_EQ(y.const_data_ptr(), first);
  EXPECT_EQ(at::zeros({1 << 20}).sum().item<float>(), 0.0f);
}

TEST_F(HostMemoryTest, CountsWhatIsHeld) {
  const HostMemory before = host_memory();
  const at::Tensor x = at::empty({1 << 22});
  EXPECT_EQ(host_memory().used - before.used, 4 << 22);
}

TEST_F(HostMemoryTest, IdleMemoryIsBounded) {
  const HostMemory before = host_memory();
  for (int64_t size = 1 << 20; size < (1 << 26); size += 1 << 21) at::empty({size});
  const HostMemory after = host_memory();
  const int64_t most_used = before.used + before.idle + (4 << 26);
  EXPECT_LE(after.used + after.idle, most_used + most_used / 4 + (64 << 20));
}

TEST_F(HostMemoryTest, WhatAStepNeedsStaysForTheNext) {
  constexpr int kBlocks = 8;
  const auto step = [] {
    std::vector<at::Tensor> held;
    std::vector<const void*> places;
    for (int i = 0; i < kBlocks; ++i) {
      held.push_back(at::empty({(5 << 20) + (i << 20)}));
      places.push_back(held.back().const_data_ptr());
    }
    return places;
  };
  const auto first = step();
  const at::Tensor other = at::empty({3 << 20});  // asks for new memory while all of it is idle
  EXPECT_EQ(step(), first);
}

TEST_F(HostMemoryTest, SmallTensorsAreMallocs) {
  const HostMemory before = host_memory();
  const at::Tensor x = at::empty({100});
  EXPECT_EQ(host_memory().used, before.used);
}

TEST_F(HostMemoryTest, GivesRawMemoryToo) {  // as oneDNN wants it
  c10::Allocator& allocator = *c10::GetCPUAllocator();
  const HostMemory before = host_memory();
  for (const size_t bytes : {size_t{0}, size_t{100}, size_t{1} << 16, size_t{1} << 22}) {
    void* data = allocator.raw_allocate(bytes);
    if (bytes > 0) std::memset(data, 1, bytes);
    allocator.raw_deallocate(data);
  }
  EXPECT_EQ(host_memory().used, before.used);
}

TEST_F(HostMemoryTest, HalfPrecisionProducts) {
  const at::Tensor x = at::full({300, 400}, 0.5, at::kBFloat16);
  EXPECT_EQ(at::mm(x, x.t()).to(at::kFloat).sum().item<float>(), 300 * 300 * 100);
}

}  // namespace
}  // namespace strata::kernels
