// The arithmetic of the mesh, over every layout of up to 24 ranks, and the config that asks for
// one.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "parallel/mesh/context.h"
#include "parallel/mesh/layout.h"

namespace strata::parallel {
namespace {

template <class Check>
void for_each_layout(int most_ranks, Check check) {
  for (int t = 1; t <= most_ranks; ++t) {
    for (int c = 1; t * c <= most_ranks; ++c) {
      for (int d = 1; t * c * d <= most_ranks; ++d) {
        for (int p = 1; t * c * d * p <= most_ranks; ++p) check(MeshLayout(t, c, d, p));
      }
    }
  }
}

TEST(MeshLayout, RanksAndCoordinatesAreOneToOne) {
  for_each_layout(24, [](const MeshLayout& layout) {
    for (int rank = 0; rank < layout.world_size(); ++rank) {
      ASSERT_EQ(layout.rank_of(layout.coord_of(rank)), rank);
    }
  });
}

TEST(MeshLayout, TensorIsInnermostAndPipelineOutermost) {
  const MeshLayout layout(2, 3, 4, 5);
  EXPECT_EQ(layout.coord_of(1), (Coord{.tensor = 1}));
  EXPECT_EQ(layout.coord_of(2), (Coord{.context = 1}));
  EXPECT_EQ(layout.coord_of(6), (Coord{.data = 1}));
  EXPECT_EQ(layout.coord_of(24), (Coord{.pipeline = 1}));
}

TEST(MeshLayout, PeersPartitionTheWorld) {
  for_each_layout(16, [](const MeshLayout& layout) {
    for (AxisSet axes = 0; axes <= kAllAxes; ++axes) {
      std::set<std::vector<int>> groups;
      for (int rank = 0; rank < layout.world_size(); ++rank) {
        const std::vector<int> peers = layout.peers(axes, rank);
        ASSERT_EQ(static_cast<int>(peers.size()), layout.size_along(axes));
        ASSERT_TRUE(std::is_sorted(peers.begin(), peers.end()));
        ASSERT_EQ(peers[static_cast<size_t>(layout.index_along(axes, rank))], rank);
        for (const int peer : peers) ASSERT_EQ(layout.peers(axes, peer), peers);
        groups.insert(peers);
      }
      ASSERT_EQ(static_cast<int>(groups.size()) * layout.size_along(axes), layout.world_size());
      ASSERT_EQ(layout.peers(layout.without_trivial(axes), 0), layout.peers(axes, 0));
    }
  });
}

TEST(MeshLayout, ExpertGroupsAreCutOutOfDataAndContext) {
  const MeshLayout layout(2, 2, 4, 2, 4);
  for (int rank = 0; rank < layout.world_size(); ++rank) {
    const std::vector<int> experts = layout.expert_peers(rank);
    const std::vector<int> replicas = layout.peers(kGradientAxes, rank);
    EXPECT_EQ(experts.size(), 4u);
    EXPECT_TRUE(std::includes(replicas.begin(), replicas.end(), experts.begin(), experts.end()));
    EXPECT_EQ(std::count(experts.begin(), experts.end(), rank), 1);
    for (const int peer : experts) EXPECT_EQ(layout.expert_peers(peer), experts);
  }
}

TEST(MeshLayout, EmbeddingEndsAreFirstAndLastStage) {
  const MeshLayout layout(2, 1, 1, 3);
  EXPECT_EQ(layout.embedding_ends(0), (std::vector<int>{0, 4}));
  EXPECT_EQ(layout.embedding_ends(5), (std::vector<int>{1, 5}));
  EXPECT_EQ(layout.embedding_ends(2), (std::vector<int>{2}));
  EXPECT_EQ(MeshLayout(2, 1, 1, 1).embedding_ends(1), (std::vector<int>{1}));
}

TEST(MeshLayout, TableShowsWhoSitsWhere) {
  EXPECT_EQ(MeshLayout(2, 1, 2, 2).table(),
            "8 ranks: tensor 2 x context 1 x data 2 x pipeline 2\n"
            "  stage 0 data 0: [0 1]\n"
            "  stage 0 data 1: [2 3]\n"
            "  stage 1 data 0: [4 5]\n"
            "  stage 1 data 1: [6 7]\n");
  EXPECT_EQ(axes_name(kGradientAxes), "context+data");
  EXPECT_EQ(axes_name(kAllAxes), "world");
}

std::string refusal(const ParallelConfig& config, int world_size) {
  try {
    (void)resolve_layout(config, world_size);
  } catch (const base::UserError& error) {
    EXPECT_EQ(error.exit_code, base::kBadUsage);
    return error.what();
  }
  return "";
}

TEST(ResolveLayout, DataTakesWhatIsLeft) {
  EXPECT_EQ(resolve_layout({}, 1), MeshLayout());
  EXPECT_EQ(resolve_layout({}, 6), MeshLayout(1, 1, 6, 1));
  ParallelConfig config;
  config.tensor = 2;
  config.pipeline = 2;
  EXPECT_EQ(resolve_layout(config, 12), MeshLayout(2, 1, 3, 2));
  config.data = 3;
  EXPECT_EQ(resolve_layout(config, 12), MeshLayout(2, 1, 3, 2));
}

TEST(ResolveLayout, AnyLegalLayoutResolvesToItself) {
  for_each_layout(16, [](const MeshLayout& layout) {
    ParallelConfig config;
    config.tensor = layout.tensor();
    config.context = layout.context();
    config.pipeline = layout.pipeline();
    ASSERT_EQ(resolve_layout(config, layout.world_size()), layout);
    config.data = layout.data();
    ASSERT_EQ(resolve_layout(config, layout.world_size()), layout);
  });
}

TEST(ResolveLayout, RefusalsNameTheKeyAndTheLegalValues) {
  ParallelConfig config;
  config.tensor = 3;
  EXPECT_EQ(refusal(config, 4),
            "parallel.tensor: 3 does not divide the 4 ranks started; parallel.tensor may be one of "
            "1, 2, 4");
  config.tensor = 2;
  config.pipeline = 4;
  EXPECT_EQ(refusal(config, 4),
            "parallel.pipeline: 4 does not divide the 2 ranks left by tensor 2; parallel.pipeline "
            "may be one of 1, 2");
  config.pipeline = 1;
  config.data = 3;
  EXPECT_EQ(refusal(config, 4),
            "parallel.data: 3 x tensor 2 x context 1 x pipeline 1 is 6 ranks, but 4 were started; "
            "parallel.data may "
            "be 2 or auto");
  config = {};
  config.expert = 2;
  EXPECT_NE(refusal(config, 4).find("parallel.expert"), std::string::npos);
}

TEST(ParallelConfig, RulesAmongKeys) {
  const auto problem = [](const ParallelConfig& config) {
    base::Problems problems;
    config.check(problems);
    return problems.items.empty() ? "" : problems.items.front().key;
  };
  ParallelConfig config;
  EXPECT_EQ(problem(config), "");
  config.chunks = 2;
  EXPECT_EQ(problem(config), "parallel.chunks");
  config.schedule = "interleaved";
  EXPECT_EQ(problem(config), "parallel.chunks");
  config.pipeline = 2;
  EXPECT_EQ(problem(config), "");
  config.chunks = 1;
  EXPECT_EQ(problem(config), "parallel.chunks");
  config = {};
  config.expert = 2;
  EXPECT_EQ(problem(config), "parallel.expert");
}

TEST(ParallelContext, OneRankHasEveryGroup) {
  const auto context = make_single_context();
  for (AxisSet axes = 0; axes <= kAllAxes; ++axes) EXPECT_EQ(context->along(axes).size(), 1);
  EXPECT_EQ(context->embedding_ends().size(), 1);
  EXPECT_TRUE(context->is_first_stage() && context->is_last_stage());
}

}  // namespace
}  // namespace strata::parallel
