// A store and its gradient sink on one rank: initial values, whole tensors, gradients of every
// kind.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/buckets.h"
#include "parallel/params/grad_sink.h"
#include "parallel/params/initial.h"
#include "parallel/params/param_store.h"
#include "tests/parallel/toy_model.h"

namespace strata::parallel {
namespace {

ParamSpec matrix(int64_t rows, int64_t columns) {
  return {.shard = replicated({rows, columns}, 0, 1)};
}

TEST(ParamStore, AnyCutStartsFromTheSameBits) {
  const ParamSpec whole{.shard = replicated({37, 501}, 0, 1), .scale = 0.02};
  at::Tensor expected = at::zeros({37 * 501}, at::kFloat);
  fill_initial(expected, whole, "w", 7);
  for (int dim : {0, 1}) {
    for (int ranks : {2, 3, 5}) {
      for (int r = 0; r < ranks; ++r) {
        ParamSpec cut = whole;
        cut.shard = cut_evenly({37, 501}, dim, r, ranks);
        at::Tensor local = at::zeros({cut.shard.local_size()}, at::kFloat);
        fill_initial(local, cut, "w", 7);
        const Range share = even_share(dim == 0 ? 37 : 501, r, ranks);
        const at::Tensor piece =
            expected.view({37, 501}).narrow(dim, share.begin, share.end - share.begin);
        EXPECT_TRUE(at::equal(local.view(piece.sizes()), piece)) << dim << " " << ranks << " " << r;
      }
    }
  }
}

TEST(ParamStore, ValuesDependOnSeedAndName) {
  const auto context = make_single_context();
  const auto first = [&](const char* name, uint64_t seed) {
    ParamStore store(*context, {});
    const ParamId id = store.add(name, matrix(4, 4));
    store.materialize(seed);
    return store.use(id).clone();
  };
  EXPECT_TRUE(at::equal(first("a", 1), first("a", 1)));
  EXPECT_FALSE(at::equal(first("a", 1), first("b", 1)));
  EXPECT_FALSE(at::equal(first("a", 1), first("a", 2)));
}

TEST(Trap24MastersAndValues, Bf16ValuesAreRoundedMasters) {
  const auto context = make_single_context();
  ParamStore store(*context, {.compute = at::kBFloat16});
  tests::add_toy_params(store);
  store.materialize(3);
  ParamStore plain(*context, {});
  tests::add_toy_params(plain);
  plain.materialize(3);
  for (int32_t i = 0; i < static_cast<int32_t>(store.params().size()); ++i) {
    const ParamId id{i};
    EXPECT_EQ(store.use(id).scalar_type(), at::kBFloat16);
    EXPECT_TRUE(at::equal(store.use(id), plain.use(id).to(at::kBFloat16)));
    if (store.trains(id)) {
      EXPECT_TRUE(at::equal(store.get_whole(id), plain.use(id))) << "the master is not rounded";
    }
  }
}

TEST(ParamStore, WholeGoesInAndComesOut) {
  const auto context = make_single_context();
  for (at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    ParamStore store(*context, {.compute = compute});
    const ParamId id = store.add("w", matrix(6, 5));
    store.materialize(1);
    const at::Tensor whole = at::randn({6, 5});
    store.set_whole(id, whole);
    EXPECT_TRUE(at::equal(store.get_whole(id), whole));
    EXPECT_TRUE(at::equal(store.use(id), whole.to(compute)));
  }
}

TEST(ParamStore, FindsByNameAndRefusesTwins) {
  const auto context = make_single_context();
  ParamStore store(*context, {});
  const ParamId id = store.add("w", matrix(2, 2));
  EXPECT_EQ(store.find("w"), id);
  EXPECT_FALSE(store.find("x").valid());
  EXPECT_THROW(store.add("w", matrix(2, 2)), base::InternalError);
}

TEST(ParamStore, CountsTrainableElements) {
  const auto context = make_single_context();
  ParamStore store(*context, {});
  store.add("w", matrix(3, 5));
  store.add("frozen", {.shard = replicated({7}, 0, 1), .trainable = false});
  store.materialize(1);
  EXPECT_EQ(store.trainable_count(), 15);
}

class Sink : public testing::Test {
 protected:
  Sink() : context_(make_single_context()), store_(*context_, {}) {
    w_ = store_.add("w", matrix(4, 3));
    unused_ = store_.add("unused", matrix(4, 3));
    frozen_ = store_.add("frozen", {.shard = replicated({4, 3}, 0, 1), .trainable = false});
    store_.materialize(1);
    optimizer_.emplace(store_, OptimizerConfig{});
    sink_.emplace(store_);
  }
  at::Tensor gradient(ParamId id) {
    optimizer_->reduce_grads();
    return optimizer_->whole_gradient(id);
  }

  std::unique_ptr<ParallelContext> context_;
  ParamStore store_;
  ParamId w_, unused_, frozen_;
  std::optional<DistributedOptimizer> optimizer_;
  std::optional<GradSink> sink_;
};

TEST_F(Sink, FirstAddOfAStepOverwrites) {
  for (int step = 0; step < 2; ++step) {
    optimizer_->zero_grad();
    const at::Tensor a = at::randn({4, 3}), b = at::randn({4, 3});
    sink_->add(w_, a);
    sink_->add(w_, b.to(at::kBFloat16));
    EXPECT_TRUE(at::equal(gradient(w_), a + b.to(at::kBFloat16).to(at::kFloat)));
    EXPECT_TRUE(at::equal(optimizer_->whole_gradient(unused_), at::zeros({4, 3})));
  }
}

TEST_F(Sink, UnusedReadsAsZeroAfterAStepThatUsedIt) {
  optimizer_->zero_grad();
  sink_->add(w_, at::randn({4, 3}));
  optimizer_->reduce_grads();
  optimizer_->zero_grad();
  EXPECT_TRUE(at::equal(gradient(w_), at::zeros({4, 3})));
}

TEST_F(Sink, ProductsAccumulate) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    optimizer_->zero_grad();
    const at::Tensor dy = at::randn({8, 4}).to(dtype), x = at::randn({8, 3}).to(dtype);
    const at::Tensor product = at::mm(dy.to(at::kFloat).t(), x.to(at::kFloat));
    sink_->add_product(w_, dy, x);
    sink_->add_product(w_, dy, x);
    EXPECT_LT((gradient(w_) - product * 2).abs().max().item<float>(),
              dtype == at::kFloat ? 1e-5 : 0.1);
  }
}

TEST_F(Sink, DeferredProductsComeLater) {
  optimizer_->zero_grad();
  const at::Tensor dy = at::randn({8, 4}), x = at::randn({8, 3});
  sink_->defer_to(0, 1);
  sink_->add_product(w_, dy, x);
  sink_->stop_deferring();
  sink_->run_deferred(0, 0);
  sink_->run_deferred(0, 1);
  sink_->run_deferred(0, 1);  // once only
  EXPECT_LT((gradient(w_) - at::mm(dy.t(), x)).abs().max().item<float>(), 1e-5);
}

TEST_F(Sink, DeferredProductsAreGoneWhenTheyWereMade) {
  optimizer_->zero_grad();
  const at::Tensor dy = at::randn({8, 4});
  const at::Tensor x = at::mul(at::randn({8, 3}).requires_grad_(true), 2);  // has a graph
  sink_->defer_to(0, 0);
  sink_->add_product(w_, dy, x);
  sink_->stop_deferring();
  EXPECT_EQ(dy.use_count(), 2);
  sink_->run_deferred(0, 0);
  EXPECT_EQ(dy.use_count(), 1);  // else the flat gradient holds on to it: memory of every step
}

TEST_F(Sink, RowsOfAnEmbedding) {
  optimizer_->zero_grad();
  const at::Tensor rows = at::arange(12, at::kFloat).view({4, 3});
  sink_->add_rows(w_, rows, at::tensor({2, -1, 2, 0}, at::kLong));
  const at::Tensor expected =
      at::tensor({9., 10., 11., 0., 0., 0., 6., 8., 10., 0., 0., 0.}, at::kFloat).view({4, 3});
  EXPECT_TRUE(at::equal(gradient(w_), expected));
}

TEST_F(Sink, FrozenParametersWantNothing) {
  EXPECT_TRUE(sink_->wants(w_));
  EXPECT_FALSE(sink_->wants(frozen_));
  optimizer_->zero_grad();
  sink_->add(frozen_, at::randn({4, 3}));
  EXPECT_EQ(optimizer_->reduce_grads(), 0);
}

TEST_F(Sink, AGradientAfterTheReductionIsAnError) {
  optimizer_->zero_grad(1);
  sink_->add(w_, at::randn({4, 3}));
  sink_->add(unused_, at::randn({4, 3}));
  EXPECT_THROW(sink_->add(w_, at::randn({4, 3})), base::InternalError);
}

}  // namespace
}  // namespace strata::parallel
