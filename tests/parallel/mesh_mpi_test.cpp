// The groups of a mesh are what its arithmetic says, for every layout of the ranks there are.
#include <gtest/gtest.h>

#include "parallel/comm/collectives.h"
#include "parallel/comm/world.h"
#include "parallel/mesh/context.h"

namespace strata::parallel {
namespace {

template <class Check>
void for_each_layout_of(int ranks, Check check) {
  for (int t = 1; t <= ranks; ++t) {
    for (int c = 1; c <= ranks; ++c) {
      for (int d = 1; d <= ranks; ++d) {
        if (ranks % (t * c * d) == 0) check(MeshLayout(t, c, d, ranks / (t * c * d)));
      }
    }
  }
}

TEST(ParallelContextMpi, GroupsFollowTheLayout) {
  const auto world = make_mpi_world();
  for_each_layout_of(world->size(), [&](const MeshLayout& layout) {
    const ParallelContext context(world->split(0, world->rank(), "mesh"), layout);
    for (AxisSet axes = 0; axes <= kAllAxes; ++axes) {
      Communicator& group = context.along(axes);
      ASSERT_EQ(group.world_ranks(), layout.peers(axes, world->rank()));
      ASSERT_EQ(group.rank(), layout.index_along(axes, world->rank()));
      ASSERT_EQ(all_sum(group, 1), layout.size_along(axes));
    }
    ASSERT_EQ(context.embedding_ends().world_ranks(), layout.embedding_ends(world->rank()));
    ASSERT_EQ(all_sum(context.embedding_ends(), 1), context.embedding_ends().size());
    ASSERT_EQ(context.rank(), world->rank());
  });
}

}  // namespace
}  // namespace strata::parallel
