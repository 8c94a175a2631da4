// A group of one: no-ops and copies, never an error; and the arithmetic behind reductions.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/comm/host_reduce.h"
#include "parallel/comm/world.h"

namespace strata::parallel {
namespace {

TEST(SelfCommunicator, EveryOperationIsANoOpOrACopy) {
  const auto self = make_self();
  EXPECT_EQ(self->rank(), 0);
  EXPECT_EQ(self->size(), 1);
  at::Tensor x = at::arange(6, at::kFloat);
  const at::Tensor before = x.clone();
  all_reduce_wait(*self, x);
  broadcast_wait(*self, x, 0);
  self->exchange({})->wait();
  self->barrier();
  EXPECT_TRUE(at::equal(x, before));

  at::Tensor gathered = at::zeros({6}, at::kFloat), scattered = gathered.clone(),
             moved = gathered.clone();
  all_gather_wait(*self, gathered, x);
  reduce_scatter_wait(*self, scattered, x);
  const int64_t rows[] = {6};
  self->all_to_all(moved, x, rows, rows)->wait();
  EXPECT_TRUE(at::equal(gathered, x));
  EXPECT_TRUE(at::equal(scattered, x));
  EXPECT_TRUE(at::equal(moved, x));

  EXPECT_EQ(all_sum(*self, 2.5), 2.5);
  EXPECT_EQ(broadcast_string(*self, "text"), "text");
  EXPECT_EQ(gather_strings(*self, "text"), std::vector<std::string>{"text"});
}

TEST(SelfCommunicator, SplitsIntoItself) {
  const auto self = make_self();
  const auto part = self->split(7, 0, "part");
  EXPECT_EQ(part->size(), 1);
  EXPECT_EQ(part->name(), "part");
}

TEST(SelfCommunicator, RunInWorldTurnsErrorsIntoExitCodes) {
  EXPECT_EQ(run_in_world([](Communicator& world) { return world.size() == 1 ? 75 : 1; }), 75);
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_in_world([](Communicator&) -> int {
              throw base::UserError(base::kBadData, "the file is odd");
            }),
            base::kBadData);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "error: the file is odd\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_in_world([](Communicator&) -> int { throw base::InternalError("broken"); }), 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("internal error: broken"),
            std::string::npos);
}

TEST(HostReduce, OneRoundingForHalves) {
  // bf16 steps are 2 above 256: adding 0.75 twice with two roundings stays at 256.
  const c10::BFloat16 a = 256.0F, b = 0.75F;
  const void* parts[] = {&a, &b, &b};
  c10::BFloat16 sum;
  reduce_parts(&sum, parts, 1, at::kBFloat16, ReduceOp::kSum);
  EXPECT_EQ(static_cast<float>(sum), 258.0F);
}

TEST(HostReduce, RefusesWhatHasNoSum) {
  const bool a = true;
  const void* parts[] = {&a};
  bool out = false;
  EXPECT_THROW(reduce_parts(&out, parts, 1, at::kBool, ReduceOp::kSum), base::InternalError);
}

}  // namespace
}  // namespace strata::parallel
