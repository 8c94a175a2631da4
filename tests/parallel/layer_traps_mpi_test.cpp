// The known traps of parallel training that single layers and reductions show, a test each; those
// of a whole step are in tests/trainer/step_traps_mpi_test.cpp. Among them the order of a linear
// layer's way back: its sum over the ranks is under way before the weight's product begins.
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/log_softmax.h>
#include <gtest/gtest.h>

#include "parallel/layers/head.h"
#include "parallel/layers/linear.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/buckets.h"
#include "parallel/params/grad_sink.h"
#include "tests/kernels/tensors.h"
#include "tests/parallel/layouts.h"
#include "tests/parallel/observed_communicator.h"

namespace strata::parallel {
namespace {

using strata::testing::expect_close;

// Targets of other ranks' slices, the last of the vocabulary, ignored ones, and logits so large
// that their exponentials overflow.
TEST(Trap07VocabParallelCrossEntropy, IsTheLogSoftmaxOfTheWholeVocabulary) {
  const auto context = tests::context_of(MeshLayout(make_mpi_world()->size(), 1, 1, 1));
  ParamStore store(*context, {});
  const LanguageHead head(store, "head",
                          {.vocab = 101, .width = 12, .init_std = 1.0, .tied_to = ""});
  store.materialize(3);
  const at::Tensor table_vd = store.get_whole(store.find("head.weight"));
  at::Tensor targets_n = at::arange(10, at::kLong).mul(11);
  targets_n[9] = 100;
  const at::Tensor kept_n = targets_n.clone();
  targets_n[4] = -100;
  for (const double size : {1.0, 300.0}) {
    const at::Tensor h_nd = strata::testing::normal({10, 12}, "h").mul(size);
    const at::Tensor found_n = head.token_logprobs(h_nd, targets_n, 1.0, nullptr, {});
    at::Tensor expected_n =
        at::log_softmax(h_nd.to(at::kDouble).matmul(table_vd.to(at::kDouble).t()), -1)
            .gather(1, kept_n.unsqueeze(1))
            .squeeze(1);
    expected_n[4] = 0;
    expect_close(found_n, expected_n, 1e-5);
  }
}

// Every rank gives 1 + 2^-12, which bf16 does not hold: the sums of a bf16 model keep it.
TEST(Trap08ReductionPrecision, GradientsOfBf16ModelsAreSummedInFp32) {
  const int ranks = make_mpi_world()->size();
  const auto context = tests::context_of(MeshLayout(1, 1, ranks, 1));
  const float share = 1.0F + 1.0F / 4096;
  for (const int zero : {0, 1, 2, 3}) {
    ParamStore store(*context, {.compute = at::kBFloat16, .zero = zero});
    const ParamId id = store.add("p", {.shard = replicated({40}, 0, 1)});
    store.materialize(1);
    DistributedOptimizer optimizer(store, {});
    GradSink sink(store);
    optimizer.zero_grad(2);
    for (int microbatch = 0; microbatch < 2; ++microbatch) sink.add(id, at::full({40}, share));
    optimizer.reduce_grads();
    EXPECT_TRUE(at::equal(optimizer.whole_gradient(id),
                          at::full({40}, 2 * static_cast<float>(ranks) * share)))
        << zero;
  }
}

/// What lay in the weight's gradient when the sum of the input's gradient was started, and after
/// the whole of backward; each of the two micro-batches of a step adds the same.
struct Order {
  at::Tensor before, at_start, after;
};

Order order_of_backward(bool sequence) {
  auto world = make_mpi_world();
  const int ranks = world->size();
  at::Tensor weight_gradient, at_start;
  const ParallelContext context(std::make_unique<tests::ObservedCommunicator>(
                                    std::move(world),
                                    [&](const Communicator&, CommOp op, int64_t) {
                                      const bool is_sum =
                                          op == CommOp::kAllReduce || op == CommOp::kReduceScatter;
                                      if (is_sum && weight_gradient.defined())
                                        at_start = weight_gradient.clone();
                                      return true;
                                    }),
                                MeshLayout(ranks, 1, 1, 1));
  ParamStore store(context, {.zero = 0});
  const ColumnParallelLinear layer(store, "up",
                                   {.in = 6, .out = {Piece{8}}, .bias = false, .init_std = 1.0});
  store.materialize(3);
  DistributedOptimizer optimizer(store, {});
  GradSink sink(store);
  const Pass pass{.sink = &sink, .adapters = true, .sequence = sequence, .dropout = {}};
  optimizer.zero_grad(2);
  const auto go_back = [&] {
    const at::Tensor x_nd = strata::testing::normal({4, 6}, "x").requires_grad_(true);
    layer(x_nd, pass).sum().backward();
  };
  go_back();
  weight_gradient = store.buckets().grads->place(store.find("up.weight")).grad;
  const at::Tensor before = weight_gradient.clone();
  go_back();
  return {before, at_start, weight_gradient.clone()};
}

TEST(ColumnParallelLinear, StartsItsSumBeforeTheWeightsProduct) {
  if (make_mpi_world()->size() == 1) return;  // nothing to sum
  for (const bool sequence : {false, true}) {
    const Order order = order_of_backward(sequence);
    ASSERT_TRUE(order.at_start.defined()) << "no sum was started, sequence " << sequence;
    EXPECT_TRUE(at::equal(order.at_start, order.before)) << "the product came first";
    expect_close(order.after, order.before.mul(2), 1e-6);
  }
}

}  // namespace
}  // namespace strata::parallel
