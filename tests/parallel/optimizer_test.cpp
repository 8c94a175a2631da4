// The update against PyTorch's, and the learning rates against their closed forms.
#include <ATen/TensorOperators.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/safetensors.h"
#include "kernels/adamw.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/optimizer/lr_schedule.h"
#include "parallel/params/grad_sink.h"
#include "tests/support/paths.h"

namespace strata::parallel {
namespace {

TEST(Adamw, HasTheBitsOfLibTorchsFusedUpdate) {
  constexpr int64_t kCount = 4096;  // no tail, which LibTorch rounds otherwise
  for (double decay : {0.0, 0.1}) {
    for (double beta1 : {0.9, 0.3}) {
      at::Tensor theirs = at::randn({kCount}), mean = at::zeros({kCount}),
                 square = at::zeros({kCount}), t = at::zeros({});
      at::Tensor ours = theirs.clone(), our_mean = mean.clone(), our_square = square.clone();
      at::Tensor half = at::empty({kCount}, at::kBFloat16);
      for (int n = 1; n <= 10; ++n) {
        at::Tensor grad = at::randn({kCount});
        t.fill_(n);
        at::_fused_adamw_({theirs}, {grad}, {mean}, {square}, {}, {t}, 1e-2, beta1, 0.95, decay,
                          1e-8, false, false);
        kernels::adamw(
            {.lr = 1e-2, .beta1 = beta1, .beta2 = 0.95, .eps = 1e-8, .weight_decay = decay, .t = n},
            ours, grad, our_mean, our_square, half);
        EXPECT_TRUE(at::equal(theirs, ours)) << n;
        EXPECT_TRUE(at::equal(mean, our_mean)) << n;
        EXPECT_TRUE(at::equal(square, our_square)) << n;
        EXPECT_TRUE(at::equal(half, ours.to(at::kBFloat16))) << n;
      }
    }
  }
}

TEST(Adamw, AnElementsBitsDependOnItAlone) {
  constexpr int64_t kCount = 1003;
  const at::Tensor value = at::randn({kCount}), grad = at::randn({kCount});
  at::Tensor none, whole = value.clone(), mean = at::zeros({kCount}), square = at::zeros({kCount});
  kernels::adamw({.lr = 1e-2, .weight_decay = 0.1}, whole, grad, mean, square, none);
  for (int64_t cut : {1, 7, 500, 1002}) {
    at::Tensor pieces = value.clone(), m = at::zeros({kCount}), v = at::zeros({kCount});
    for (auto [begin, count] : {std::pair{int64_t{0}, cut}, std::pair{cut, kCount - cut}}) {
      at::Tensor p = pieces.narrow(0, begin, count), pm = m.narrow(0, begin, count),
                 pv = v.narrow(0, begin, count);
      kernels::adamw({.lr = 1e-2, .weight_decay = 0.1}, p, grad.narrow(0, begin, count), pm, pv,
                     none);
    }
    EXPECT_TRUE(at::equal(pieces, whole)) << cut;
  }
}

/// tests/golden/make_adamw.py: ten clipped steps of torch.optim.AdamW.
TEST(DistributedOptimizer, FollowsPyTorchWithClipping) {
  const base::SafetensorsReader golden(tests::tests_folder() / "golden" / "adamw.safetensors");
  const auto tensor = [&](const std::string& name) {
    const base::TensorInfo& info = golden.tensors().at(name);
    return at::from_blob(const_cast<std::byte*>(golden.bytes(info).data()), info.shape, at::kFloat);
  };
  OptimizerConfig config;
  config.clip = 1.0;
  config.weight_decay = 0.1;
  const auto context = make_single_context();
  ParamStore store(*context, {});
  const ParamId id = store.add("w", {.shard = replicated({512}, 0, 1)});
  store.materialize(1);
  store.set_whole(id, tensor("start"));
  DistributedOptimizer optimizer(store, config);
  GradSink sink(store);
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) {
    return (a - b).abs().max().item<float>();
  };
  for (int n = 0; n < 10; ++n) {
    optimizer.zero_grad();
    sink.add(id, tensor("grad." + std::to_string(n)));
    const double norm = optimizer.reduce_grads();
    const auto expected = static_cast<double>(tensor("norm." + std::to_string(n)).item<float>());
    EXPECT_NEAR(norm / expected, 1, 1e-6);
    EXPECT_TRUE(optimizer.step(1e-2 * (n + 1) / 10));
    EXPECT_LE(distance(store.use(id), tensor("value." + std::to_string(n))), 3e-7) << n;
  }
  EXPECT_LE(distance(optimizer.moments()[0].slices[0].narrow(0, 0, 512), tensor("exp_avg")), 1e-7);
  EXPECT_LE(distance(optimizer.moments()[1].slices[0].narrow(0, 0, 512), tensor("exp_avg_sq")),
            1e-7);
}

TEST(Trap18DecayGroups, OnlyWhatDecaysDecays) {
  OptimizerConfig config;
  config.weight_decay = 0.5;
  const auto context = make_single_context();
  ParamStore store(*context, {});
  const ParamId matrix = store.add("w", {.shard = replicated({4, 4}, 0, 1), .init = Init::kOnes});
  const ParamId norm =
      store.add("norm", {.shard = replicated({4, 4}, 0, 1), .init = Init::kOnes, .decays = false});
  const ParamId other = store.add("v", {.shard = replicated({4}, 0, 1), .init = Init::kOnes});
  store.materialize(1);
  DistributedOptimizer optimizer(store, config);
  optimizer.zero_grad();
  EXPECT_EQ(optimizer.reduce_grads(), 0);
  EXPECT_TRUE(optimizer.step(0.1));
  EXPECT_TRUE(at::equal(store.use(matrix), at::full({4, 4}, 0.95)));
  EXPECT_TRUE(at::equal(store.use(norm), at::full({4, 4}, 1.0)));
  EXPECT_TRUE(at::equal(store.use(other), at::full({4}, 0.95)));
}

OptimizerConfig schedule(const char* name) {
  OptimizerConfig config;
  config.schedule = name;
  config.lr = 2e-3;
  config.min_lr = 5e-4;
  config.warmup = 10;
  return config;
}

TEST(Trap29LearningRate, RisesToItsPeakAtTheEndOfTheWarmUp) {
  for (const std::string& name : lr_schedule_names()) {
    const OptimizerConfig config = schedule(name.c_str());
    EXPECT_DOUBLE_EQ(learning_rate(config, 1, 100), 2e-4) << name;
    EXPECT_DOUBLE_EQ(learning_rate(config, 10, 100), 2e-3) << name;
  }
}

TEST(Trap29LearningRate, EndsExactlyAtItsLowest) {
  for (const char* name : {"linear", "cosine", "wsd"})
    EXPECT_EQ(learning_rate(schedule(name), 100, 100), 5e-4) << name;
  EXPECT_EQ(learning_rate(schedule("constant"), 100, 100), 2e-3);
}

TEST(Trap29LearningRate, FollowsItsClosedForm) {
  for (int step = 11; step <= 100; ++step) {
    const double progress = (step - 10) / 90.0;
    EXPECT_NEAR(learning_rate(schedule("linear"), step, 100), 2e-3 - 1.5e-3 * progress, 1e-15);
    EXPECT_NEAR(learning_rate(schedule("cosine"), step, 100),
                5e-4 + 0.75e-3 * (1 + std::cos(std::numbers::pi * progress)), 1e-15);
    const double decay = std::max(0.0, (progress - 0.9) / 0.1);
    EXPECT_NEAR(learning_rate(schedule("wsd"), step, 100), 2e-3 - 1.5e-3 * decay, 1e-15);
  }
}

TEST(Trap29LearningRate, WithoutWarmUpTheFirstStepIsAlreadyOnTheWayDown) {
  OptimizerConfig config = schedule("linear");
  config.warmup = 0;
  EXPECT_DOUBLE_EQ(learning_rate(config, 1, 10), 2e-3 - 1.5e-3 * 0.1);
  EXPECT_EQ(learning_rate(config, 1, 1), 5e-4);
}

TEST(Trap29LearningRate, OfZeroStaysZero) {
  OptimizerConfig config = schedule("cosine");
  config.lr = 0;
  for (int step : {1, 10, 11, 50, 100}) EXPECT_EQ(learning_rate(config, step, 100), 0);
}

TEST(Trap29LearningRate, MayEndBeforeItsWarmUpDoes) {
  EXPECT_DOUBLE_EQ(learning_rate(schedule("cosine"), 5, 5), 1e-3);
}

}  // namespace
}  // namespace strata::parallel
