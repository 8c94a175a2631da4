// Freed blocks of CPU tensors come back, and idle ones do not pile up.
#include "kernels/host_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

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
  for (int64_t size = 1 << 20; size < (1 << 24); size += 1 << 19) at::zeros({size});
  const HostMemory held = host_memory();
  EXPECT_LE(held.idle, held.used / 4 + (64 << 20) + (4 << 24));
}

TEST_F(HostMemoryTest, SmallTensorsAreMallocs) {
  const HostMemory before = host_memory();
  const at::Tensor x = at::empty({100});
  EXPECT_EQ(host_memory().used, before.used);
}

}  // namespace
}  // namespace strata::kernels
