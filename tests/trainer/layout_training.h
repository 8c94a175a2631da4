// How the proof of layouts trains: eight steps of a small model on any layout, what a layout must
// not change about them, and a comparison of two such runs. Knows neither which cases there are nor
// what is expected of them.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batch.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "tests/model/tiny.h"
#include "tests/parallel/observed_communicator.h"
#include "tests/trainer/layout_cases.h"
#include "trainer/engine/engine.h"
#include "trainer/loop/metric_log.h"
#include "trainer/objectives/next_token.h"

namespace strata::tests {

inline constexpr int kLayoutSteps = 8;
inline constexpr int kLayoutTokens = 8;

/// Row `row` of step `step`: every third has two documents, every fourth is short.
inline data::Row layout_row(int step, int row, int64_t vocabulary) {
  const int length = row % 4 == 3 ? kLayoutTokens - 3 : kLayoutTokens;
  const at::Tensor ids = random_ids(1, length + 1, vocabulary, 100 * step + row + 1);
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

/// The micro-batches of `rows` rows each that make up this rank's share of a step.
inline std::vector<data::Batch> layout_batches(int step, int rows,
                                               const parallel::ParallelContext& context,
                                               int64_t vocabulary) {
  std::vector<data::Batch> batches;
  const int share = kStepRows / context.layout().data(), begin = context.coord().data * share;
  for (int first = begin; first < begin + share; first += rows) {
    std::vector<data::Row> made;
    std::vector<int64_t> samples;
    for (int row = first; row < first + rows; ++row) {
      made.push_back(layout_row(step, row, vocabulary));
      samples.push_back(step * kStepRows + row);
    }
    const data::Batch whole = data::make_batch(made, samples, kLayoutTokens);
    const int parts = context.layout().context();
    batches.push_back(parts == 1 ? whole : data::cut_rows(whole, context.coord().context, parts));
  }
  return batches;
}

/// All that a layout must not change; tensors are those of this rank's stage, whole.
struct Outcome {
  std::array<double, kLayoutSteps> loss{}, norm{};
  std::map<std::string, at::Tensor> gradients, weights;  // of the last step, and after it
};

struct TrainingOptions {
  at::ScalarType compute = at::kFloat;
  /// May change this rank's micro-batches of a step, to see the comparison fail.
  std::function<void(int step, std::vector<data::Batch>& batches)> tamper = {};
  bool evaluates = false;  ///< a forward-only pass over the same rows before every step
};

inline Outcome train(const parallel::ParallelContext& context, const LayoutCase& one,
                     const TrainingOptions& options = {}) {
  model::ModelConfig config = tiny_config(one.architecture);
  config.layers = one.layers;
  config.tied_embeddings = one.tied;
  config.dropout = one.dropout;
  // Small buckets: several of them, and sizes that do not divide.
  TinyModel tiny(context, config,
                 {.chunks_per_stage = one.order.chunks, .sequence_parallel = one.sequence},
                 {.compute = options.compute, .zero = one.zero, .bucket_elements = 3000});
  enlarge_weights(tiny);
  parallel::OptimizerConfig adam;
  adam.eps = 1e-5;  // a key bias has a gradient of pure rounding
  parallel::DistributedOptimizer optimizer(tiny.params, adam);
  trainer::Engine engine(tiny.decoder, &optimizer,
                         {.schedule = one.order.schedule, .recompute = one.recompute});
  const trainer::NextToken objective;

  Outcome outcome;
  for (int step = 0; step < kLayoutSteps; ++step) {
    auto batches = layout_batches(step, one.micro, context, config.vocabulary());
    if (options.tamper) options.tamper(step, batches);
    trainer::MetricLog metrics, unheard;
    if (options.evaluates) engine.evaluate(batches, objective, unheard);
    EXPECT_TRUE(engine.step(step, batches, objective, 1e-3, metrics));
    const trainer::MetricLog::Values values = metrics.reduce(context.world());
    outcome.loss[step] = trainer::value_of(values, "loss", std::nan(""));
    outcome.norm[step] = trainer::value_of(values, "grad_norm", std::nan(""));
  }
  for (const parallel::Param& param : tiny.params.params()) {
    const parallel::ParamId id = tiny.params.find(param.name);
    // A parameter tied to another stands for it.
    const std::string& name = param.spec.tied_to.empty() ? param.name : param.spec.tied_to;
    outcome.gradients[name] = optimizer.whole_gradient(id).clone();
    outcome.weights[name] = tiny.params.get_whole(id).clone();
  }
  return outcome;
}

/// How far two runs may be apart: numbers relative to themselves, tensors relative to their largest
/// element.
struct Bounds {
  double loss = 2e-5, norm = 2e-5, gradient = 2e-5, weight = 2e-5;
};

/// How far `found` is from `expected`, and in words where that is more than the bounds allow.
class Comparison {
 public:
  Comparison(const Outcome& found, const Outcome& expected, const Bounds& bounds = {}) {
    for (int step = 0; step < kLayoutSteps; ++step) {
      number(farthest.loss, fmt::format("loss {}", step), found.loss[step], expected.loss[step],
             bounds.loss);
      number(farthest.norm, fmt::format("norm {}", step), found.norm[step], expected.norm[step],
             bounds.norm);
    }
    tensors(farthest.gradient, "gradient", found.gradients, expected.gradients, bounds.gradient);
    tensors(farthest.weight, "weight", found.weights, expected.weights, bounds.weight);
  }

  std::string differences;  ///< "" where all is within the bounds
  Bounds farthest{0, 0, 0, 0};

 private:
  static double largest(const at::Tensor& tensor) { return tensor.abs().max().item<double>(); }

  void number(double& most, const std::string& what, double found, double expected, double bound) {
    note(most, what, std::abs(found - expected), std::abs(expected), bound);
  }
  // Relative to the tensor's largest element, or to 1e-4 of the largest of all.
  void tensors(double& most, const std::string& what,
               const std::map<std::string, at::Tensor>& found,
               const std::map<std::string, at::Tensor>& expected, double bound) {
    double floor = 0;
    for (const auto& [name, tensor] : expected) floor = std::max(floor, 1e-4 * largest(tensor));
    for (const auto& [name, tensor] : found) {
      const auto there = expected.find(name);
      if (there == expected.end()) {
        differences += fmt::format("{} {} is not in the whole model\n", what, name);
        continue;
      }
      note(most, what + " " + name, max_difference(tensor, there->second),
           std::max(largest(there->second), floor), bound);
    }
  }
  void note(double& most, const std::string& what, double apart, double scale, double bound) {
    const double relative = scale == 0 ? apart : apart / scale;
    most = std::max(most, relative);
    if (relative <= bound) return;  // NaN is a difference
    differences += fmt::format("{}: {} apart, {} allowed\n", what, apart, bound * scale);
  }
};

/// One rank's outcomes, each computed once.
class References {
 public:
  explicit References(at::ScalarType compute = at::kFloat) : compute_(compute) {}
  const Outcome& of(LayoutCase one) {
    one.layout = {};
    one.sequence = false;
    one.zero = 0;
    one.order = {"accumulate", 1};
    one.recompute = model::Recompute::kNone;
    one.micro = kStepRows;
    auto& outcome = outcomes_[one.what()];
    if (!outcome) outcome = train(*context_, one, {.compute = compute_});
    return *outcome;
  }

 private:
  at::ScalarType compute_;
  std::unique_ptr<parallel::ParallelContext> context_ = parallel::make_single_context();
  std::map<std::string, std::optional<Outcome>> outcomes_;
};

/// A context over all ranks of `world`, seen by `observer` where there is one.
inline std::unique_ptr<parallel::ParallelContext> layout_context(parallel::Communicator& world,
                                                                 const parallel::MeshLayout& layout,
                                                                 Observer observer = {}) {
  auto group = world.split(0, world.rank(), "layout");
  if (observer) group = std::make_unique<ObservedCommunicator>(std::move(group), observer);
  return std::make_unique<parallel::ParallelContext>(std::move(group), layout);
}

}  // namespace strata::tests
