// Every parallel axis against one rank: three steps of training on every layout of these ranks,
// with every pair of the other choices, give one rank's loss, gradients, norm and weights in fp32.
// STRATA_LAYOUTS=all takes the whole product (scripts/all_layouts.sh).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>

#include "data/batch.h"
#include "parallel/comm/collectives.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "tests/model/tiny.h"
#include "tests/trainer/layout_cases.h"
#include "trainer/engine/engine.h"
#include "trainer/loop/metric_log.h"
#include "trainer/objectives/next_token.h"

namespace strata::trainer {
namespace {

using tests::kStepRows;
using tests::LayoutCase;

constexpr int kSteps = 3;
constexpr int kTokens = 8;
constexpr double kTolerance = 2e-5;

/// What is done wrong on purpose, to see the comparison fail.
enum class Fault { kNone, kShiftedPositions, kLostGradient };

/// Next token, whose gradient the last rank of the world may lose.
class LossyNextToken : public NextToken {
 public:
  explicit LossyNextToken(bool loses) : loses_(loses) {}
  at::Tensor loss(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                  double inv_weight, MetricLog& metrics) const override {
    const at::Tensor loss = NextToken::loss(h_nd, head, batch, inv_weight, metrics);
    return loses_ ? loss.mul(0.0) : loss;
  }

 private:
  bool loses_;
};

/// Row `row` of step `step`: every third has two documents, every fourth is short.
data::Row row_of(int step, int row, int64_t vocabulary) {
  const int length = row % 4 == 3 ? kTokens - 3 : kTokens;
  const at::Tensor ids = tests::random_ids(1, length + 1, vocabulary, 100 * step + row + 1);
  const int64_t* id = ids.const_data_ptr<int64_t>();
  data::Row made = data::one_document_row({id, id + length}, {id + 1, id + length + 1});
  if (row % 3 == 1) {
    const int second = length / 2;
    made.targets[second - 1] = data::kNoTarget;
    made.weights[second - 1] = 0;
    for (int t = second; t < length; ++t) {
      made.positions[t] = t - second;
      made.documents[t] = 1;
    }
  }
  return made;
}

/// The micro-batches of `rows` rows each that make up share `part` of `parts` of a step.
std::vector<data::Batch> microbatches_of(int step, int rows, int part, int parts,
                                         int64_t vocabulary) {
  std::vector<data::Batch> batches;
  const int share = kStepRows / parts;
  for (int first = part * share; first < (part + 1) * share; first += rows) {
    std::vector<data::Row> made;
    std::vector<int64_t> samples;
    for (int row = first; row < first + rows; ++row) {
      made.push_back(row_of(step, row, vocabulary));
      samples.push_back(step * kStepRows + row);
    }
    batches.push_back(data::make_batch(made, samples, kTokens));
  }
  return batches;
}

/// All that a layout must not change; tensors are those of this rank's stage, whole.
struct Outcome {
  std::array<double, kSteps> loss{}, norm{};
  std::map<std::string, at::Tensor> gradients, weights;  // of the last step, and after it
};

Outcome train(const parallel::ParallelContext& context, const LayoutCase& one,
              Fault fault = Fault::kNone) {
  model::ModelConfig config = tests::tiny_config(one.architecture);
  config.layers = one.layers;
  config.tied_embeddings = one.tied;
  config.dropout = one.dropout;
  // Small buckets: several of them, and sizes that do not divide.
  tests::TinyModel tiny(context, config,
                        {.chunks_per_stage = one.order.chunks, .sequence_parallel = one.sequence},
                        {.zero = one.zero, .bucket_elements = 3000});
  tests::enlarge_weights(tiny);
  parallel::OptimizerConfig adam;
  adam.eps = 1e-5;  // a key bias has a gradient of pure rounding
  parallel::DistributedOptimizer optimizer(tiny.params, adam);
  Engine engine(tiny.decoder, &optimizer,
                {.schedule = one.order.schedule, .recompute = one.recompute});
  const bool loses = fault == Fault::kLostGradient && context.rank() + 1 == context.world().size();
  const LossyNextToken objective(loses);

  // A parameter tied to another stands for it.
  const auto name_of = [](const parallel::Param& param) {
    return param.spec.tied_to.empty() ? param.name : param.spec.tied_to;
  };
  Outcome outcome;
  for (int step = 0; step < kSteps; ++step) {
    auto batches = microbatches_of(step, one.micro, context.coord().data, one.layout.data(),
                                   config.vocabulary());
    for (data::Batch& batch : batches) {
      for (int32_t& position : batch.positions)
        position += fault == Fault::kShiftedPositions ? 1 : 0;
      if (fault == Fault::kShiftedPositions) batch.one_document = false;
    }
    MetricLog metrics;
    EXPECT_TRUE(engine.step(step, batches, objective, 1e-3, metrics));
    const MetricLog::Values values = metrics.reduce(context.world());
    outcome.loss[step] = value_of(values, "loss", std::nan(""));
    outcome.norm[step] = value_of(values, "grad_norm", std::nan(""));
  }
  for (const parallel::Param& param : tiny.params.params()) {
    const parallel::ParamId id = tiny.params.find(param.name);
    outcome.gradients[name_of(param)] = optimizer.whole_gradient(id).clone();
    outcome.weights[name_of(param)] = tiny.params.get_whole(id).clone();
  }
  return outcome;
}

double largest(const at::Tensor& tensor) { return tensor.abs().max().item<double>(); }

/// Says where `found` is not `expected` to rounding; "" where it is everywhere.
class Comparison {
 public:
  void number(const std::string& what, double found, double expected) {
    note(what, std::abs(found - expected), kTolerance * std::abs(expected));
  }
  /// Each tensor of `found` within the tolerance times its largest element, or 1e-4 of the largest
  /// of all.
  void tensors(const std::string& what, const std::map<std::string, at::Tensor>& found,
               const std::map<std::string, at::Tensor>& expected) {
    double floor = 0;
    for (const auto& [name, tensor] : expected) floor = std::max(floor, 1e-4 * largest(tensor));
    for (const auto& [name, tensor] : found) {
      const auto there = expected.find(name);
      if (there == expected.end()) {
        differences_ += fmt::format("{} {} is not in the whole model\n", what, name);
        continue;
      }
      note(what + " " + name, tests::max_difference(tensor, there->second),
           kTolerance * std::max(largest(there->second), floor));
    }
  }
  const std::string& differences() const { return differences_; }

 private:
  void note(const std::string& what, double difference, double bound) {
    if (difference <= bound) return;  // NaN is a difference
    differences_ += fmt::format("{}: {} apart, {} allowed\n", what, difference, bound);
  }
  std::string differences_;
};

std::string differences(const Outcome& found, const Outcome& expected) {
  Comparison comparison;
  for (int step = 0; step < kSteps; ++step) {
    comparison.number(fmt::format("loss {}", step), found.loss[step], expected.loss[step]);
    comparison.number(fmt::format("norm {}", step), found.norm[step], expected.norm[step]);
  }
  comparison.tensors("gradient", found.gradients, expected.gradients);
  comparison.tensors("weight", found.weights, expected.weights);
  return comparison.differences();
}

/// One rank's outcomes, each computed once.
class References {
 public:
  const Outcome& of(LayoutCase one) {
    one.layout = {};
    one.sequence = false;
    one.zero = 0;
    one.order = {"1f1b", 1};
    one.recompute = model::Recompute::kNone;
    one.micro = kStepRows;
    auto& outcome = outcomes_[one.what()];
    if (!outcome) outcome = train(*context_, one);
    return *outcome;
  }

 private:
  std::unique_ptr<parallel::ParallelContext> context_ = parallel::make_single_context();
  std::map<std::string, std::optional<Outcome>> outcomes_;
};

parallel::ParallelContext context_over(parallel::Communicator& world,
                                       const parallel::MeshLayout& layout) {
  return {world.split(0, world.rank(), "layout"), layout};
}

TEST(Layouts, EqualOneRank) {
  const auto world = parallel::make_mpi_world();
  const char* wish = std::getenv("STRATA_LAYOUTS");
  const bool all = wish != nullptr && std::string_view(wish) == "all";
  const auto start = std::chrono::steady_clock::now();
  References references;
  int count = 0;
  for (const parallel::MeshLayout& layout : tests::proven_layouts(world->size())) {
    const parallel::ParallelContext context = context_over(*world, layout);
    for (const auto& choice :
         all ? tests::legal_choices(layout) : tests::covering_choices(layout)) {
      const LayoutCase one = tests::layout_cases::case_of(layout, choice);
      EXPECT_EQ(differences(train(context, one), references.of(one)), "") << one.where();
      ++count;
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (world->rank() == 0) {
    fmt::print("{} ranks: {} cases compared with one rank in {:.0f} s\n", world->size(), count,
               seconds.count());
  }
}

/// The comparison can fail, on every layout.
TEST(Layouts, FaultsAreSeen) {
  const auto world = parallel::make_mpi_world();
  References references;
  for (const parallel::MeshLayout& layout : tests::proven_layouts(world->size())) {
    const parallel::ParallelContext context = context_over(*world, layout);
    const LayoutCase one = tests::layout_cases::case_of(layout, tests::legal_choices(layout)[0]);
    const auto is_seen = [&](Fault fault) {
      const bool here = !differences(train(context, one, fault), references.of(one)).empty();
      return parallel::all_sum(*world, here ? 1.0 : 0.0) > 0;
    };
    EXPECT_FALSE(is_seen(Fault::kNone)) << one.where();
    EXPECT_TRUE(is_seen(Fault::kShiftedPositions)) << one.where();
    EXPECT_TRUE(is_seen(Fault::kLostGradient)) << one.where();
  }
}

/// The cover leaves no pair out.
TEST(Layouts, CoverHoldsEveryPair) {
  const parallel::MeshLayout layout(2, 1, 1, 2);
  const auto whole = tests::legal_choices(layout), cover = tests::covering_choices(layout);
  tests::PairSet seen(whole.front().size(), std::ranges::max(tests::layout_cases::kValues));
  for (const auto& choice : cover) seen.add(choice);
  for (const auto& choice : whole) ASSERT_EQ(seen.missing(choice), 0);
  EXPECT_LT(cover.size() * 10, whole.size());
}

}  // namespace
}  // namespace strata::trainer
