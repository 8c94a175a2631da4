// Every architecture cut over tensor and pipeline ranks against the same model on one rank:
// log-probabilities, gradients, generation, folders.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "model/generator.h"
#include "parallel/comm/world.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/grad_sink.h"
#include "tests/model/tiny.h"
#include "tests/support/temp_folder.h"

namespace strata::model {
namespace {

using parallel::kPipelineAxis;
using parallel::MeshLayout;
using tests::max_difference;
using tests::random_ids;
using tests::TinyModel;

struct Cut {
  int tensor = 1, pipeline = 1, chunks = 1;
  bool sequence = false;
  int data = 1, zero = 1;
};

std::vector<Cut> cuts_of(int ranks) {
  if (ranks == 1) return {{.chunks = 2}};
  if (ranks == 2) {
    return {{.tensor = 2},
            {.tensor = 2, .sequence = true},
            {.pipeline = 2},
            {.pipeline = 2, .chunks = 2},
            {.data = 2, .zero = 3}};
  }
  return {{.tensor = 4},
          {.tensor = 2, .pipeline = 2, .sequence = true},
          {.pipeline = 2, .data = 2, .zero = 3}};
}

std::string describe(const Cut& cut) {
  return fmt::format("tensor {} pipeline {} chunks {} sequence {} data {} zero {}", cut.tensor,
                     cut.pipeline, cut.chunks, cut.sequence, cut.data, cut.zero);
}

ModelConfig config_of(const std::string& architecture, bool tied) {
  ModelConfig config = tests::tiny_config(architecture);
  config.layers = 4;
  config.tied_embeddings = tied;
  config.dropout = 0.1;
  return config;
}

/// Gradients go to the stage before (step -1) and come from the stage after (step +1), in a ring.
void exchange_gradient(const Decoder& decoder, at::Tensor gradient, bool send, int step) {
  parallel::Communicator& pipeline = decoder.context().along(kPipelineAxis);
  const parallel::P2p message{.send = send,
                              .tensor = &gradient,
                              .peer = (pipeline.rank() + pipeline.size() + step) % pipeline.size(),
                              .channel = parallel::kGradient};
  pipeline.exchange({&message, 1})->wait();
}

struct Outcome {
  at::Tensor logprob_bt;  // last stage only
  std::map<std::string, at::Tensor> gradients;
  double norm = 0;
};

// One forward and backward pass through all stages: plain and blocking, one microbatch.
Outcome train_once(TinyModel& tiny, int data_ranks) {
  const Decoder& decoder = tiny.decoder;
  const bool staged = decoder.context().layout().pipeline() > 1;
  const at::Tensor ids = random_ids(2, 16, 61), targets = random_ids(2, 16, 61, 9);
  const DropoutKey dropout{
      .seed = 1, .step = 2, .samples_b = random_ids(1, 2, 100)[0].contiguous()};
  parallel::DistributedOptimizer optimizer(tiny.params, parallel::OptimizerConfig{});
  parallel::GradSink sink(tiny.params);
  optimizer.zero_grad(1);

  std::vector<at::Tensor> inputs, outputs;
  const at::Tensor last =
      relay(decoder, decoder.hidden_shape(2, 16), [&](int chunk, const at::Tensor& hidden_nd) {
        at::Tensor input;
        if (hidden_nd.defined()) input = hidden_nd.detach().requires_grad_(true);
        inputs.push_back(input);
        outputs.push_back(decoder.forward(chunk, {.tokens_bt = ids}, input,
                                          {.sink = &sink, .dropout = &dropout}));
        return staged && !decoder.is_last(chunk) ? outputs.back().detach() : outputs.back();
      });

  Outcome outcome;
  for (int chunk = decoder.chunk_count() - 1; chunk >= 0; --chunk) {
    if (decoder.is_last(chunk)) {
      outcome.logprob_bt = decoder.head(&sink).token_logprobs(last, targets);
      outcome.logprob_bt.sum().mul(1.0 / data_ranks).backward();
    } else {
      at::Tensor gradient;
      if (staged) {
        gradient = at::empty_like(outputs[chunk]);
        exchange_gradient(decoder, gradient, false, +1);
      } else {
        gradient = inputs[chunk + 1].grad();
      }
      outputs[chunk].backward(gradient);
    }
    if (staged && !decoder.is_first(chunk))
      exchange_gradient(decoder, inputs[chunk].grad().contiguous(), true, -1);
  }
  outcome.norm = optimizer.reduce_grads();
  for (const parallel::Param& param : tiny.params.params()) {
    if (!param.spec.tied_to.empty()) continue;
    outcome.gradients[param.name] = optimizer.whole_gradient(tiny.params.find(param.name)).clone();
  }
  return outcome;
}

class ModelLayouts : public testing::TestWithParam<std::tuple<std::string, bool>> {
 protected:
  struct Place {
    Cut cut;
    std::unique_ptr<parallel::ParallelContext> context;
  };
  // Contexts are collective to make: once for all tests.
  static void SetUpTestSuite() {
    for (const Cut& cut : cuts_of(parallel::make_mpi_world()->size())) {
      const MeshLayout layout(cut.tensor, 1, cut.data, cut.pipeline);
      places_.push_back(
          {cut, std::make_unique<parallel::ParallelContext>(parallel::make_mpi_world(), layout)});
    }
  }
  static void TearDownTestSuite() { places_.clear(); }

  ModelLayouts()
      : config_(config_of(std::get<0>(GetParam()), std::get<1>(GetParam()))),
        alone_context_(parallel::make_single_context()),
        alone_(*alone_context_, config_) {
    tests::enlarge_weights(alone_);
  }

  // The same model on every cut of these ranks.
  void on_each_cut(const std::function<void(TinyModel& tiny, const Cut& cut)>& body) {
    for (const Place& place : places_) {
      SCOPED_TRACE(describe(place.cut));
      TinyModel tiny(
          *place.context, config_,
          {.chunks_per_stage = place.cut.chunks, .sequence_parallel = place.cut.sequence},
          {.zero = place.cut.zero});
      tests::enlarge_weights(tiny);
      body(tiny, place.cut);
    }
  }

  inline static std::vector<Place> places_;
  ModelConfig config_;
  std::unique_ptr<parallel::ParallelContext> alone_context_;
  TinyModel alone_;
};

TEST_P(ModelLayouts, GradientsAreThoseOfOneRank) {
  const Outcome expected = train_once(alone_, 1);
  on_each_cut([&](TinyModel& tiny, const Cut& cut) {
    const Outcome outcome = train_once(tiny, cut.data);
    if (outcome.logprob_bt.defined()) {
      EXPECT_LT(max_difference(outcome.logprob_bt, expected.logprob_bt), 1e-4);
    }
    EXPECT_NEAR(outcome.norm, expected.norm, 2e-5 * expected.norm);
    for (const auto& [name, gradient] : outcome.gradients) {
      const at::Tensor& there = expected.gradients.at(name);
      EXPECT_LT(max_difference(gradient, there),
                2e-5 * std::max(there.abs().max().item<double>(), 1e-3 * expected.norm))
          << name;
    }
  });
}

TEST_P(ModelLayouts, GenerationAndScoresAreThoseOfOneRank) {
  const std::vector<std::vector<int32_t>> prompts = {
      {5}, {7, 8, 9, 10, 11, 12}, {1, 2}, {20, 21}, {30}, {8, 8, 8}, {40, 3, 4}, {50, 51}};
  const std::vector<int64_t> numbers = {10, 11, 12, 13, 14, 15, 16, 17};
  const SamplingConfig sampling{.max_new_tokens = 12, .end_ids = {3, 4}};
  const auto expected = Generator(alone_.decoder).generate(prompts, numbers, sampling);
  const auto expected_scores = score(alone_.decoder, prompts);
  on_each_cut([&](TinyModel& tiny, const Cut&) {
    // Fewer rows than prompts, and several in each stage's turn: finished ones make room.
    const auto answers = Generator(tiny.decoder).generate(prompts, numbers, sampling, {}, 5);
    const auto scores = score(tiny.decoder, prompts);
    for (size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(answers[i].tokens, expected[i].tokens) << i;
      EXPECT_EQ(answers[i].reached_end, expected[i].reached_end);
      for (size_t t = 0; t < answers[i].logprobs.size(); ++t)
        EXPECT_NEAR(answers[i].logprobs[t], expected[i].logprobs[t], 1e-4);
      for (size_t t = 1; t < scores[i].size(); ++t)
        EXPECT_NEAR(scores[i][t], expected_scores[i][t], 1e-4);
    }
  });
}

TEST_P(ModelLayouts, FoldersHaveTheSameBytesAndLoadOnAnyLayout) {
  const FolderInfo info{.config = config_, .end_ids = {2}, .pad_id = 0};
  const tests::TempFolder temp;  // of each rank; a cut model is written by rank 0 into its own
  write_folder(temp / "alone", info, alone_.decoder);
  on_each_cut([&](TinyModel& tiny, const Cut&) {
    write_folder(temp / "cut", info, tiny.decoder);
    for (const char* file : {"config.json", "generation_config.json", "model.safetensors"}) {
      if (tiny.params.context().rank() != 0) break;
      EXPECT_EQ(base::read_file(temp / "cut" / file), base::read_file(temp / "alone" / file))
          << file;
    }
    TinyModel loaded(tiny.params.context(), config_, tiny.decoder.options(), tiny.params.options(),
                     99);
    load_weights(temp / "alone", read_folder_info(temp / "alone"), loaded.decoder);
    for (const parallel::Param& param : loaded.params.params()) {
      const auto whole = [&](TinyModel& model) {
        return model.params.get_whole(model.params.find(param.name));
      };
      EXPECT_TRUE(at::equal(whole(loaded), whole(tiny))) << param.name;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Table, ModelLayouts,
                         testing::Combine(testing::ValuesIn(architecture_names()), testing::Bool()),
                         [](const auto& info) {
                           return std::get<0>(info.param) +
                                  (std::get<1>(info.param) ? "_tied" : "_untied");
                         });

}  // namespace
}  // namespace strata::model
