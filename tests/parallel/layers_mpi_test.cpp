// Every layer over 1, 2 and 4 tensor ranks against the whole model written plainly in double:
// outputs and all gradients. With ranks that do not divide the vocabulary and the feed-forward, and
// fewer key heads than ranks.
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/grad_sink.h"
#include "tests/kernels/tensors.h"
#include "tests/parallel/layer_model.h"
#include "tests/parallel/layouts.h"

namespace strata::parallel {
namespace {

using strata::testing::expect_close;
using tests::LayerModel;
using tests::LayerModelInput;
using tests::LayerModelOutput;
using tests::LayerModelShape;

std::unique_ptr<ParallelContext> tensor_context() {
  return tests::context_of(MeshLayout(make_mpi_world()->size(), 1, 1, 1));
}

/// One forward and backward of the layers, and the whole gradient of every parameter.
struct LayersRun {
  LayerModelOutput output;
  std::map<std::string, at::Tensor> params, gradients;
  Pass pass;

  LayersRun(const LayerModelShape& shape, at::ScalarType dtype) {
    const auto context = tensor_context();
    ParamStore store(*context, {.compute = dtype, .device = at::kCPU, .zero = 1, .trained = true});
    const LayerModel model(store, shape);
    store.materialize(3);
    DistributedOptimizer optimizer(store, {});
    GradSink sink(store);
    optimizer.zero_grad(1);
    const LayerModelInput input(shape);
    pass = model.pass(input, &sink);
    output = model.forward(input, &sink);
    output.loss().backward();
    optimizer.reduce_grads();
    for (int32_t i = 0; i < static_cast<int32_t>(store.params().size()); ++i) {
      const std::string& name = store[{i}].name;
      params[name] = store.get_whole({i}).to(dtype);
      gradients[name] = optimizer.whole_gradient({i});
    }
  }
};

void expect_like_plain(const LayerModelShape& shape, at::ScalarType dtype, double tolerance) {
  const LayersRun run(shape, dtype);
  std::map<std::string, at::Tensor> leaves;
  for (const auto& [name, value] : run.params) leaves[name] = strata::testing::double_leaf(value);
  const LayerModelOutput plain =
      tests::PlainModel(leaves, shape, LayerModelInput(shape), run.pass).forward();
  plain.loss().backward();

  expect_close(run.output.logprob_n, plain.logprob_n, tolerance, "log-probabilities");
  expect_close(run.output.value_n, plain.value_n, tolerance, "values");
  expect_close(run.output.entropy_n, plain.entropy_n, tolerance, "entropy");
  for (const auto& [name, leaf] : leaves)
    expect_close(run.gradients.at(name), leaf.grad(), tolerance, name);
}

constexpr double kFloatTolerance = 5e-6, kBf16Tolerance = 0.1;

std::vector<LayerModelShape> all_shapes() {
  std::vector<LayerModelShape> shapes;
  for (int bits = 0; bits < 32; ++bits) {
    LayerModelShape shape;
    shape.llama = bits & 1;
    shape.sequence = bits & 2;
    shape.recompute = bits & 4;
    shape.dropout = bits & 8 ? 0.2 : 0.0;
    shape.tied = bits & 16;
    shapes.push_back(shape);
  }
  return shapes;
}

// Traps 3, 5, 6, 7 and 9 among them: masks equal on every layout, sequence-parallel norms and
// biases summed, an uneven vocabulary without pads, ignored targets, copies of key heads summed.
TEST(Layers, OutputsAndGradientsAreThoseOfOneRank) {
  for (const LayerModelShape& shape : all_shapes()) {
    SCOPED_TRACE(fmt::format("llama {} sequence {} recompute {} dropout {} tied {}", shape.llama,
                             shape.sequence, shape.recompute, shape.dropout, shape.tied));
    expect_like_plain(shape, at::kFloat, kFloatTolerance);
  }
}

TEST(Layers, Bf16StaysWithinItsRounding) {
  for (const bool llama : {false, true}) {
    LayerModelShape shape;
    shape.llama = llama;
    expect_like_plain(shape, at::kBFloat16, kBf16Tolerance);
  }
}

TEST(Layers, LogitsAreGatheredWhole) {
  const auto context = tensor_context();
  ParamStore store(*context,
                   {.compute = at::kFloat, .device = at::kCPU, .zero = 1, .trained = true});
  const LayerModelShape shape;
  const LayerModel model(store, shape);
  store.materialize(3);
  const at::Tensor h_nd = strata::testing::normal({5, shape.width}, "h");
  const at::Tensor logits_nv = model.head().logits(h_nd);
  const at::Tensor table_vd = store.get_whole(store.find("embedding.weight"));
  expect_close(logits_nv, at::linear(h_nd, table_vd), 1e-6);
  const at::Tensor targets_n = at::arange(90, 95, at::kLong);
  at::Tensor none;
  const at::Tensor logprob_n = model.head().token_logprobs(h_nd, targets_n, 1.0, nullptr, {});
  expect_close(logprob_n, logits_nv.log_softmax(-1).gather(1, targets_n.unsqueeze(1)).squeeze(1),
               1e-6);
}

TEST(Layers, NoSinkNoWeightGradientsButThoseOfInputs) {
  const auto context = tensor_context();
  ParamStore store(*context,
                   {.compute = at::kFloat, .device = at::kCPU, .zero = 1, .trained = false});
  const LayerModelShape shape;
  const LayerModel model(store, shape);
  store.materialize(3);
  const LayerModelInput input(shape);
  EXPECT_FALSE(model.forward(input, nullptr).logprob_n.requires_grad());
  const at::Tensor h_nd = strata::testing::normal({16, shape.width}, "h").requires_grad_(true);
  model.head().token_logprobs(h_nd, input.targets_n, 1.0, nullptr, {}).sum().backward();
  EXPECT_GT(strata::testing::largest(h_nd.grad()), 0.0);
}

TEST(Layers, TheGradientOfTheInputDoesNotWaitForADeferredProduct) {
  const auto context = tensor_context();
  Communicator& axis = context->along(kTensorAxis);
  ParamStore store(*context,
                   {.compute = at::kFloat, .device = at::kCPU, .zero = 1, .trained = true});
  const ColumnParallelLinear layer(store, "up",
                                   {.in = 6, .out = {Piece{8}}, .bias = false, .init_std = 1.0});
  store.materialize(3);
  DistributedOptimizer optimizer(store, {});
  GradSink sink(store);
  optimizer.zero_grad(1);
  sink.defer_to(0, 0);
  const at::Tensor x_nd = strata::testing::normal({4, 6}, "x").requires_grad_(true);
  layer(x_nd, {.sink = &sink, .adapters = true, .sequence = false, .dropout = {}}).sum().backward();
  sink.stop_deferring();
  // The input's gradient does not need the weight's, which is still to be made.
  const at::Tensor table = store.get_whole(store.find("up.weight"));
  expect_close(x_nd.grad(), table.sum(0).expand({4, 6}), 1e-6);
  sink.run_deferred(0, 0);
  optimizer.reduce_grads();
  expect_close(optimizer.whole_gradient(store.find("up.weight")),
               x_nd.detach().sum(0).expand({8, 6}), 1e-6);
  EXPECT_GE(axis.size(), 1);
}

TEST(Heads, AreDealtOutWithTheirKeyHeads) {
  // 6 key heads with 2 query heads each over 4 ranks: 2, 2, 1, 1.
  int64_t next = 0;
  for (int rank = 0; rank < 4; ++rank) {
    const HeadShare share = share_heads(12, 6, 16, rank, 4);
    EXPECT_EQ(share.first_head, next);
    EXPECT_EQ(share.heads, 2 * share.kv_heads);
    next += share.heads;
  }
  EXPECT_EQ(next, 12);
  // 2 key heads over 4 ranks: two copies each.
  const Range kv = share_of(share_heads(8, 2, 16, 3, 4).kv, 3, 4);
  EXPECT_EQ(kv, (Range{16, 32, 1, 2}));
  EXPECT_THROW(share_heads(8, 2, 16, 0, 3), base::UserError);
  EXPECT_THROW(share_heads(2, 2, 16, 0, 4), base::UserError);
}

}  // namespace
}  // namespace strata::parallel
