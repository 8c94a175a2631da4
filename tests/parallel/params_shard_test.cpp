// Shards and buckets as arithmetic: every cut covers the whole once, offsets are aligned and
// disjoint.
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "parallel/params/bucket_layout.h"
#include "parallel/params/shard_spec.h"
#include "tests/parallel/toy_model.h"

namespace strata::parallel {
namespace {

/// How often each element of the whole is held, counting copy 0 alone.
std::vector<int> coverage(const std::vector<ShardSpec>& shards) {
  std::vector<int> held(static_cast<size_t>(shards.front().global_size()));
  for (const ShardSpec& shard : shards) {
    int64_t local = 0;
    for (const Run& run : runs_of(shard)) {
      EXPECT_EQ(run.local, local);
      local += run.count;
      for (int64_t e = 0; e < run.count && run.copy == 0; ++e)
        ++held.at(static_cast<size_t>(run.global + e));
    }
    EXPECT_EQ(local, shard.local_size());
  }
  return held;
}

TEST(Shard, EvenShareGivesTheFirstRanksOneMore) {
  EXPECT_EQ(even_share(10, 0, 4), (Range{0, 3}));
  EXPECT_EQ(even_share(10, 1, 4), (Range{3, 6}));
  EXPECT_EQ(even_share(10, 2, 4), (Range{6, 8}));
  EXPECT_EQ(even_share(10, 3, 4), (Range{8, 10}));
  EXPECT_EQ(even_share(2, 3, 4), (Range{2, 2}));
}

TEST(Shard, EveryCutCoversTheWholeOnce) {
  for (int ranks : {1, 2, 3, 4, 7}) {
    for (int dim : {0, 1, 2}) {
      std::vector<ShardSpec> cut;
      for (int r = 0; r < ranks; ++r) cut.push_back(cut_evenly({5, 6, 4}, dim, r, ranks));
      EXPECT_EQ(coverage(cut), std::vector<int>(120, 1)) << ranks << " ranks, dim " << dim;
    }
    std::vector<ShardSpec> copies;
    for (int r = 0; r < ranks; ++r) copies.push_back(replicated({5, 6}, r, ranks));
    EXPECT_EQ(coverage(copies), std::vector<int>(30, 1));
  }
  for (int ranks : {1, 2, 4}) {
    std::vector<ShardSpec> heads;
    for (int r = 0; r < ranks; ++r) heads.push_back(tests::toy_heads(r, ranks));
    EXPECT_EQ(coverage(heads), std::vector<int>(30, 1));
  }
}

TEST(Shard, ContiguousRunsAreJoined) {
  EXPECT_EQ(runs_of(replicated({5, 6}, 0, 1)).size(), 1u);
  EXPECT_EQ(runs_of(cut_evenly({5, 6}, 0, 1, 2)).size(), 1u);
  EXPECT_EQ(runs_of(cut_evenly({5, 6}, 1, 1, 2)).size(), 5u);
  EXPECT_TRUE(runs_of(cut_evenly({2, 6}, 0, 3, 4)).empty());
}

TEST(Shard, RunsWithinCutAtBothEnds) {
  const auto runs =
      runs_within(cut_evenly({3, 4}, 1, 1, 2), 1, 4);  // local rows {2,3}, {6,7}, {10,11}
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].local, 1);
  EXPECT_EQ(runs[0].global, 3);
  EXPECT_EQ(runs[0].count, 1);
  EXPECT_EQ(runs[1].local, 2);
  EXPECT_EQ(runs[1].global, 6);
  EXPECT_EQ(runs[1].count, 2);
}

TEST(Buckets, KeepBlocksAndFrozenParametersApart) {
  std::vector<Param> params;
  const auto add = [&](int block, int64_t size, bool trainable) {
    ParamSpec spec{.shard = replicated({size}, 0, 1), .trainable = trainable};
    params.push_back({"p" + std::to_string(params.size()), spec, block, 0, 0});
  };
  add(0, 100, true);
  add(1, 5, true);
  add(1, 7, false);
  add(1, 40, true);
  add(1, 60, true);
  add(2, 3, true);
  std::vector<bool> alone(params.size());
  alone[5] = true;
  const BucketRules rules{true, 64, 3};
  const std::vector<BucketPlan> plans = plan_buckets(params, alone, rules);

  std::map<int, std::vector<std::pair<int64_t, int64_t>>> spans;
  for (const Param& param : params) {
    const BucketPlan& plan = plans.at(static_cast<size_t>(param.bucket));
    EXPECT_EQ(plan.block, param.block);
    EXPECT_EQ(plan.trained, param.spec.trainable);
    EXPECT_EQ(param.offset % 16, 0);
    EXPECT_LE(param.offset + param.spec.shard.local_size(), plan.size);
    spans[param.bucket].push_back({param.offset, param.offset + param.spec.shard.local_size()});
  }
  for (const auto& [bucket, pieces] : spans) {
    for (size_t i = 1; i < pieces.size(); ++i) EXPECT_LE(pieces[i - 1].second, pieces[i].first);
  }
  for (const BucketPlan& plan : plans) EXPECT_EQ(plan.size % (16 * 3), 0);
  EXPECT_EQ(params[1].bucket, params[3].bucket) << "5 + 40 elements fit into 64";
  EXPECT_NE(params[3].bucket, params[4].bucket) << "another 60 do not";
  EXPECT_EQ(plans.size(), 5u);
}

}  // namespace
}  // namespace strata::parallel
