// The optimizer on every layout of these ranks, for every degree of ZeRO, against one rank that
// does all the work: gradients, norm, values and masters agree to the last bit, as the toy's
// gradients have exact sums.
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/grad_sink.h"
#include "parallel/params/param_store.h"
#include "tests/parallel/layouts.h"
#include "tests/parallel/toy_model.h"

namespace strata::parallel {
namespace {

constexpr int kSamples = 12;  // a step; divides over 1, 2, 3 and 4 data ranks
constexpr int kSteps = 2;
constexpr double kLr = 0.05;

OptimizerConfig toy_config() {
  OptimizerConfig config;
  config.clip = 3.0;  // of norms around 20
  config.weight_decay = 0.3;
  return config;
}

/// A toy model in training.
struct Training {
  ParamStore store;
  std::unique_ptr<DistributedOptimizer> optimizer;
  GradSink sink;

  Training(const ParallelContext& context, const StoreOptions& options)
      : store(context, options), sink(store) {
    tests::add_toy_params(store);
    store.materialize(11);
    optimizer = std::make_unique<DistributedOptimizer>(store, toy_config());
  }

  /// One step over this data rank's share of the samples; returns the norm.
  double step(int number, bool count_known) {
    const Communicator& group = store.context().gradients();
    const int share = kSamples / group.size(), first = group.rank() * share;
    optimizer->zero_grad(count_known ? share : 0);
    for (int i = 0; i < share; ++i) tests::add_toy_gradients(store, sink, number, first + i);
    const double norm = optimizer->reduce_grads();
    EXPECT_TRUE(optimizer->step(kLr));
    return norm;
  }
};

/// Every parameter of `some` and its gradient are bitwise those of the owner in `one`.
void expect_equal(const Training& some, const Training& one, const std::string& where) {
  for (int32_t i = 0; i < static_cast<int32_t>(some.store.params().size()); ++i) {
    const ParamId id{i};
    const Param& param = some.store[id];
    const ParamId owner =
        one.store.find(param.spec.tied_to.empty() ? param.name : param.spec.tied_to);
    EXPECT_TRUE(at::equal(some.store.get_whole(id), one.store.get_whole(owner)))
        << param.name << " on " << where;

    // The values in use are the rounded whole's part.
    at::Tensor values = one.store.use(owner).to(at::kFloat).contiguous();
    const at::Tensor local = some.store.use(id).to(at::kFloat).contiguous();
    for (const Run& run : runs_of(param.spec.shard)) {
      EXPECT_TRUE(at::equal(local.view({-1}).narrow(0, run.local, run.count),
                            values.view({-1}).narrow(0, run.global, run.count)))
          << param.name << " on " << where;
    }
    if (!some.store.trains(id)) continue;
    EXPECT_TRUE(at::equal(some.optimizer->whole_gradient(id), one.optimizer->whole_gradient(owner)))
        << param.name << " on " << where;
  }
}

TEST(Optimizer, EveryLayoutAndZeroEqualsOneRank) {
  const auto alone = make_single_context();
  for (at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    Training one(*alone, {.compute = compute});
    std::vector<double> norms;
    for (int s = 0; s < kSteps; ++s) norms.push_back(one.step(s, true));
    for (const MeshLayout& layout : tests::layouts_of_world()) {
      const auto context = tests::context_of(layout);
      for (int zero : {0, 1, 2, 3}) {
        if (compute == at::kBFloat16 && zero != layout.tensor() % 4) continue;  // one will do
        // Reductions that start while backward runs, and those that wait for its end, meet every
        // degree.
        const bool overlapped = (zero + layout.data() + layout.pipeline()) % 2 == 0;
        const std::string where = layout.summary() + ", zero " + std::to_string(zero);
        Training some(*context, {.compute = compute, .zero = zero, .bucket_elements = 96});
        EXPECT_EQ(some.store.trainable_count(), one.store.trainable_count()) << where;
        for (int s = 0; s < kSteps; ++s) {
          EXPECT_EQ(some.step(s, overlapped), norms[static_cast<size_t>(s)]) << where;
        }
        expect_equal(some, one, where);
      }
    }
  }
}

TEST(Trap17SkippedSteps, ANonFiniteGradientOnOneRankLeavesAllUntouched) {
  for (const MeshLayout& layout : tests::layouts_of_world()) {
    const auto context = tests::context_of(layout);
    for (int zero : {0, 3}) {
      Training some(*context, {.zero = zero});
      some.step(0, true);
      const auto count = static_cast<int32_t>(some.store.params().size());
      std::vector<at::Tensor> before;
      for (int32_t i = 0; i < count; ++i) before.push_back(some.store.use(ParamId{i}).clone());

      const bool is_culprit = context->rank() == context->world().size() - 1;
      const ParamId bias = some.store.find("layers.3.down.bias");
      some.optimizer->zero_grad();
      tests::add_toy_gradients(some.store, some.sink, 1, 0);
      if (is_culprit) some.sink.add(bias, at::full({6}, std::numeric_limits<float>::infinity()));
      EXPECT_FALSE(std::isfinite(some.optimizer->reduce_grads()));
      EXPECT_FALSE(some.optimizer->step(kLr));

      EXPECT_EQ(some.optimizer->updates(), 1);
      for (int32_t i = 0; i < count; ++i) {
        EXPECT_TRUE(at::equal(before[static_cast<size_t>(i)], some.store.use(ParamId{i})));
      }
      some.step(1, true);
      EXPECT_EQ(some.optimizer->updates(), 2);
    }
  }
}

/// Ranks that pass the last microbatch in different orders of parameters still start their
/// reductions in one order.
TEST(Trap11CollectiveOrder, BucketsAreReducedInOneOrder) {
  auto world = make_mpi_world();
  const int ranks = world->size();
  const auto context =
      std::make_unique<ParallelContext>(std::move(world), MeshLayout(1, 1, ranks, 1));
  for (int zero : {0, 1, 2}) {
    ParamStore store(*context, {.zero = zero, .bucket_elements = 16});
    std::vector<ParamId> ids;
    for (int i = 0; i < 8; ++i)
      ids.push_back(store.add("p" + std::to_string(i), {.shard = replicated({16}, 0, 1)}));
    store.materialize(1);
    DistributedOptimizer optimizer(store, toy_config());
    GradSink sink(store);
    optimizer.zero_grad(1);
    for (int i = 0; i < 8; ++i) {
      const int turned = (i + 3 * context->rank()) % 8;
      sink.add(ids[static_cast<size_t>(turned)], at::full({16}, static_cast<float>(turned)));
    }
    optimizer.reduce_grads();
    for (int i = 0; i < 8; ++i) {
      EXPECT_TRUE(at::equal(optimizer.whole_gradient(ids[static_cast<size_t>(i)]),
                            at::full({16}, static_cast<float>(i * ranks))));
    }
  }
}

/// Under ZeRO 3 released blocks are gathered again, and a view that is still held keeps its values.
TEST(ParamStore, ReleasedBlocksComeBack) {
  auto world = make_mpi_world();
  const int ranks = world->size();
  const auto context =
      std::make_unique<ParallelContext>(std::move(world), MeshLayout(1, 1, ranks, 1));
  ParamStore store(*context, {.zero = 3});
  tests::add_toy_params(store);
  store.materialize(5);
  const ParamId id = store.find("layers.1.up.weight");
  const int block = store[id].block;
  const at::Tensor first = store.use(id).clone();
  const at::Tensor held = store.use(id);
  for (int i = 0; i < 3; ++i) {
    store.prefetch(block);
    store.prefetch(block + 1);
    EXPECT_TRUE(at::equal(store.use(id), first));
    store.release(block);
    store.release(block + 1);
  }
  EXPECT_TRUE(at::equal(held, first));
}

}  // namespace
}  // namespace strata::parallel
