// Adapters on every layout of these ranks against the plain model with merged weights: the same
// loss, gradients that follow from the merged weights' by the chain rule, and the same answers.
#include <ATen/ops/matmul.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/generator.h"
#include "model/lora.h"
#include "parallel/comm/world.h"
#include "tests/parallel/layouts.h"
#include "tests/trainer/layout_training.h"

namespace strata::trainer {
namespace {

using parallel::MeshLayout;
using tests::TinyModel;

struct Case {
  MeshLayout layout;
  bool sequence = false;
  int zero = 1;
};

std::vector<Case> cases_of(int ranks) {
  if (ranks == 1) return {{MeshLayout(1, 1, 1, 1)}};
  if (ranks == 2) {
    return {{MeshLayout(2, 1, 1, 1)},
            {MeshLayout(2, 1, 1, 1), true},
            {MeshLayout(1, 2, 1, 1)},
            {MeshLayout(1, 1, 2, 1), false, 3},
            {MeshLayout(1, 1, 1, 2)}};
  }
  return {{MeshLayout(4, 1, 1, 1), true}, {MeshLayout(2, 1, 1, 2)}, {MeshLayout(2, 2, 1, 1)}};
}

model::ModelConfig config_of(const std::string& architecture) {
  model::ModelConfig config = tests::tiny_config(architecture);
  config.layers = 4;
  return config;
}

model::LoraConfig lora_of(const std::string& architecture) {
  model::LoraConfig lora{3, 5, {"q", "v", "o", "up", "down"}};
  if (architecture != "gpt2") lora.targets.push_back("gate");
  return lora;
}

/// Weights as of a trained model; B is not zero.
std::unique_ptr<TinyModel> adapted_model(const parallel::ParallelContext& context,
                                         const std::string& architecture, const Case& one = {}) {
  auto tiny = std::make_unique<TinyModel>(
      context, config_of(architecture),
      model::DecoderOptions{.sequence_parallel = one.sequence, .lora = lora_of(architecture)},
      parallel::StoreOptions{.zero = one.zero, .adapters_only = true, .bucket_elements = 3000});
  tests::enlarge_weights(*tiny);
  return tiny;
}

struct Step {
  double loss = 0;
  std::map<std::string, at::Tensor> gradients;  // of this stage
};

Step train_step(const parallel::ParallelContext& context, TinyModel& tiny) {
  parallel::DistributedOptimizer optimizer(tiny.params, {});
  const bool is_staged = context.layout().pipeline() > 1;
  Engine engine(tiny.decoder, &optimizer, {.schedule = is_staged ? "1f1b" : "accumulate"});
  const auto batches = tests::layout_batches(0, 2, context, 61);
  MetricLog metrics;
  EXPECT_TRUE(engine.step(1, batches, NextToken(), 0, metrics));
  Step step;
  step.loss = value_of(metrics.reduce(context.world()), "loss", std::nan(""));
  for (const parallel::Param& param : tiny.params.params()) {
    const parallel::ParamId id = tiny.params.find(param.name);
    if (tiny.params.trains(id)) step.gradients[param.name] = optimizer.whole_gradient(id).clone();
  }
  return step;
}

/// One rank's model with adapters, and the same with merged weights and none.
struct Reference {
  explicit Reference(const std::string& architecture)
      : config(config_of(architecture)),
        lora(lora_of(architecture)),
        places(model::lora_places(config, lora)),
        context(parallel::make_single_context()),
        adapted(adapted_model(*context, architecture)),
        merged(*context, config) {
    for (const parallel::Param& param : merged.params.params()) {
      at::Tensor weight = whole(param.name).clone();
      model::add_adapters(weight, param.name, places, lora.scale(),
                          [this](const std::string& name) { return whole(name); });
      merged.params.set_whole(merged.params.find(param.name), weight);
    }
  }

  at::Tensor whole(const std::string& name) const {
    return adapted->params.get_whole(adapted->params.find(name));
  }

  /// What the chain rule makes of the merged weights' gradients.
  std::map<std::string, at::Tensor> expected(const std::map<std::string, at::Tensor>& full) const {
    std::map<std::string, at::Tensor> gradients;
    for (const model::LoraPlace& place : places) {
      const at::Tensor grad =
          full.at(place.weight).narrow(0, place.first_row, place.out).mul(lora.scale());
      gradients[place.name + ".lora_a"] = at::matmul(whole(place.name + ".lora_b").t(), grad);
      gradients[place.name + ".lora_b"] = at::matmul(grad, whole(place.name + ".lora_a").t());
    }
    return gradients;
  }

  model::ModelConfig config;
  model::LoraConfig lora;
  std::vector<model::LoraPlace> places;
  std::unique_ptr<parallel::ParallelContext> context;
  std::unique_ptr<TinyModel> adapted;
  TinyModel merged;
};

std::vector<model::Completion> answers(const model::Decoder& decoder) {
  const std::vector<std::vector<int32_t>> prompts{{5, 17, 3}, {9}};
  const std::vector<int64_t> numbers{0, 1};
  return model::Generator(decoder).generate(prompts, numbers,
                                            {.max_new_tokens = 6, .temperature = 0});
}

class Lora : public testing::TestWithParam<std::string> {};

TEST_P(Lora, TrainsLikeMergedWeightsOnEveryLayout) {
  const auto world = parallel::make_mpi_world();
  Reference reference(GetParam());
  const std::vector<model::Completion> expected_answers = answers(reference.merged.decoder);
  const Step full = train_step(*reference.context, reference.merged);
  const auto expected = reference.expected(full.gradients);
  for (const Case& one : cases_of(world->size())) {
    SCOPED_TRACE(fmt::format("{} sequence {}", one.layout.summary(), one.sequence));
    const auto context = tests::context_of(one.layout);
    const auto adapted = adapted_model(*context, GetParam(), one);
    const std::vector<model::Completion> ours = answers(adapted->decoder);
    for (size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i].tokens, expected_answers[i].tokens);
    const Step step = train_step(*context, *adapted);
    EXPECT_NEAR(step.loss, full.loss, 1e-5);
    for (const auto& [name, gradient] : step.gradients) {
      ASSERT_TRUE(expected.contains(name)) << name << " is trained";
      const double size = expected.at(name).abs().max().item<double>();
      EXPECT_LT(tests::max_difference(gradient, expected.at(name)), 3e-5 * size) << name;
    }
  }
}

TEST_P(Lora, LeftOutTheyLeaveTheBase) {
  const auto context = parallel::make_single_context();
  const auto adapted = adapted_model(*context, GetParam());
  TinyModel base(*context, config_of(GetParam()));
  tests::enlarge_weights(base);
  const model::Input input{.tokens_bt = tests::random_ids(2, 9, 61)};
  const at::NoGradGuard no_grad;
  const at::Tensor without = tests::final_hidden(adapted->decoder, input, {.adapters = false});
  EXPECT_EQ(tests::max_difference(without, tests::final_hidden(base.decoder, input)), 0);
  EXPECT_GT(tests::max_difference(without, tests::final_hidden(adapted->decoder, input)), 0.01);
}

INSTANTIATE_TEST_SUITE_P(Models, Lora, testing::Values("llama", "gpt2"));

}  // namespace
}  // namespace strata::trainer
