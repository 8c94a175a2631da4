// How sharp the proof of layouts is: it fails where one reduction is lost or one position is wrong;
// and how far bf16 is from one rank's bf16, which cannot be as near as fp32.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "parallel/comm/collectives.h"
#include "parallel/comm/world.h"
#include "tests/trainer/layout_training.h"

namespace strata::trainer {
namespace {

using parallel::CommOp;
using tests::LayoutCase;

/// A plain case on this layout.
LayoutCase plain_case(const parallel::MeshLayout& layout) {
  return {.architecture = "llama",
          .tied = true,
          .dropout = 0,
          .layers = 4,
          .layout = layout,
          .sequence = false,
          .zero = 0,
          .order = layout.pipeline() > 1 ? tests::NamedOrder{"1f1b", 1}
                                         : tests::NamedOrder{"accumulate", 1},
          .recompute = model::Recompute::kNone,
          .micro = 1};
}

/// Whether some rank sees a difference.
bool is_seen(parallel::Communicator& world, const tests::Outcome& found,
             const tests::Outcome& expected) {
  const bool here = !tests::Comparison(found, expected).differences.empty();
  return parallel::all_sum(world, here ? 1.0 : 0.0) > 0;
}

/// Lost: the first sum of the first step over the ranks along `axes`, host numbers aside.
TEST(LayoutFaults, OneLostReductionIsSeen) {
  const auto world = parallel::make_mpi_world();
  constexpr int64_t kHostNumbers = 256;  // bytes: anything above is a tensor of the model
  tests::References references;
  int lost_in_all = 0;
  for (const parallel::MeshLayout& layout : tests::proven_layouts(world->size())) {
    const LayoutCase one = plain_case(layout);
    for (const parallel::AxisSet axes : {parallel::kTensorAxis, parallel::kGradientAxes}) {
      if (layout.size_along(axes) == 1) continue;
      std::string target = "nothing";  // name of the group that loses
      bool in_step = false;
      int lost = 0;
      const auto context = tests::layout_context(
          *world, layout, [&](const parallel::Communicator& group, CommOp op, int64_t bytes) {
            const bool is_model = op == CommOp::kAllReduce && bytes > kHostNumbers;
            return !in_step || !is_model || group.name() != target || lost++ > 0;
          });
      const auto train_once = [&] {
        in_step = false;
        const auto at_step = [&](int, std::vector<data::Batch>&) { in_step = true; };
        return tests::train(*context, one, {.compute = at::kFloat, .tamper = at_step});
      };
      EXPECT_FALSE(is_seen(*world, train_once(), references.of(one))) << one.where();
      EXPECT_EQ(lost, 0);
      target = context->along(axes).name();
      EXPECT_TRUE(is_seen(*world, train_once(), references.of(one)))
          << one.where() << ", lost along " << parallel::axes_name(axes);
      EXPECT_GT(lost, 0) << one.where();
      ++lost_in_all;
    }
  }
  if (world->rank() == 0)
    fmt::print("{} ranks: {} lost reductions looked for\n", world->size(), lost_in_all);
}

/// One token of the first step stands one place too far.
TEST(LayoutFaults, OneShiftedPositionIsSeen) {
  const auto world = parallel::make_mpi_world();
  tests::References references;
  for (const parallel::MeshLayout& layout : tests::proven_layouts(world->size())) {
    LayoutCase one = plain_case(layout);
    for (const char* architecture : {"gpt2", "llama"}) {
      one.architecture = architecture;
      const auto context = tests::layout_context(*world, layout);
      const parallel::Coord coord = context->coord();
      const auto shift = [&](int step, std::vector<data::Batch>& batches) {
        if (step > 0 || coord.data > 0) return;
        batches[0].one_document = false;  // so that positions are looked at
        if (coord.context == 0) batches[0].positions[0] += 1;
      };
      const auto shifted = tests::train(*context, one, {.compute = at::kFloat, .tamper = shift});
      EXPECT_TRUE(is_seen(*world, shifted, references.of(one))) << one.where();
    }
  }
}

/// A pair of ranks rounds its partial sums to bf16 before they are added, so a layout differs from
/// one rank about as much as bf16 (2^-9 = 0.002 a rounding) differs from fp32.
TEST(LayoutBounds, Bf16StaysNearOneRanksBf16) {
  const auto world = parallel::make_mpi_world();
  constexpr tests::Bounds kBf16{.loss = 0.01, .norm = 0.05, .gradient = 0.15, .weight = 0.02};
  tests::References references(at::kBFloat16);
  tests::Bounds farthest{0, 0, 0, 0};
  int count = 0;
  for (const parallel::MeshLayout& layout : tests::proven_layouts(world->size())) {
    const auto context = tests::layout_context(*world, layout);
    LayoutCase one = plain_case(layout);
    one.sequence = layout.tensor() > 1;
    for (int turn = 0; turn < 2; ++turn) {
      one.architecture = tests::kArchitectures[static_cast<size_t>(count) % 4];
      one.zero = count % 4;
      const tests::Comparison compared(tests::train(*context, one, {.compute = at::kBFloat16}),
                                       references.of(one), kBf16);
      EXPECT_EQ(compared.differences, "") << one.where();
      farthest = {std::max(farthest.loss, compared.farthest.loss),
                  std::max(farthest.norm, compared.farthest.norm),
                  std::max(farthest.gradient, compared.farthest.gradient),
                  std::max(farthest.weight, compared.farthest.weight)};
      ++count;
    }
  }
  const auto over_ranks = [&](double value) { return parallel::all_max(*world, value); };
  const double loss = over_ranks(farthest.loss), norm = over_ranks(farthest.norm),
               gradient = over_ranks(farthest.gradient), weight = over_ranks(farthest.weight);
  if (world->rank() != 0) return;
  fmt::print(
      "{} ranks: {} bf16 cases, farthest from one rank: loss {:.1e} (bound {}), norm {:.1e} ({}), "
      "gradient {:.1e} ({}), weight {:.1e} ({})\n",
      world->size(), count, loss, kBf16.loss, norm, kBf16.norm, gradient, kBf16.gradient, weight,
      kBf16.weight);
}

}  // namespace
}  // namespace strata::trainer
