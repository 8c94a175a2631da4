// The known traps of parallel training that a whole step shows, a test each: one case of the
// layouts' proof that falls into the trap where the code does. docs/parallelism.md has the table of
// all traps and their tests.
#include <ATen/ops/equal.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "parallel/comm/world.h"
#include "tests/trainer/layout_training.h"

namespace strata::trainer {
namespace {

using parallel::CommOp;
using parallel::MeshLayout;
using tests::LayoutCase;
using tests::Outcome;
using tests::TrainingOptions;

int ranks() { return parallel::make_mpi_world()->size(); }
MeshLayout all_tensor() { return {ranks(), 1, 1, 1}; }
MeshLayout all_context() { return {1, ranks(), 1, 1}; }
MeshLayout all_data() { return {1, 1, ranks(), 1}; }
MeshLayout all_pipeline() { return {1, 1, 1, ranks()}; }

LayoutCase case_on(const MeshLayout& layout) {
  return {.architecture = "llama",
          .tied = false,
          .dropout = 0,
          .layers = 4,
          .layout = layout,
          .sequence = false,
          .zero = 1,
          .order = {layout.pipeline() > 1 ? "1f1b" : "accumulate", 1},
          .recompute = model::Recompute::kNone,
          .micro = 1};
}

Outcome train_on(const LayoutCase& one, const TrainingOptions& options = {}) {
  const auto world = parallel::make_mpi_world();
  return tests::train(*tests::layout_context(*world, one.layout), one, options);
}

void expect_like_one_rank(const LayoutCase& one) {
  tests::References references;
  EXPECT_EQ(tests::Comparison(train_on(one), references.of(one)).differences, "") << one.where();
}

// A step whose first row has no target at all weighs every other token the same, in one micro-batch
// or in many, and gives no NaN where that row is a micro-batch of its own.
TEST(Trap01TokenWeightedLoss, AMicrobatchWithoutTargetsCountsNothing) {
  const auto context = parallel::make_single_context();
  const auto without_targets = [](int data_rank) {
    return [data_rank](int, std::vector<data::Batch>& batches) {
      if (data_rank > 0) return;
      for (int t = 0; t < batches[0].length; ++t) {
        batches[0].targets[t] = data::kNoTarget;
        batches[0].weights[t] = 0;
      }
    };
  };
  LayoutCase whole = case_on({});
  whole.micro = tests::kStepRows;
  const Outcome expected = tests::train(*context, whole, {.tamper = without_targets(0)});
  const LayoutCase cut = case_on(all_data());
  const int data_rank = parallel::make_mpi_world()->rank();
  const Outcome found = train_on(cut, {.tamper = without_targets(data_rank)});
  EXPECT_EQ(tests::Comparison(found, expected).differences, "");
}

// Also under a schedule that puts weight gradients off, and with gradients cut over data ranks.
TEST(Trap02TiedEmbeddings, AreSummedOverTheEndsOnce) {
  LayoutCase one = case_on(all_pipeline());
  one.tied = true;
  for (const char* schedule : {"1f1b", "zero_bubble"}) {
    if (ranks() > 1) one.order = {schedule, 1};
    expect_like_one_rank(one);
  }
  if (ranks() < 4) return;
  one.layout = {1, 1, 2, 2};
  one.zero = 3;
  expect_like_one_rank(one);
}

TEST(Trap03RandomStreams, MasksAreThoseOfOneRankAndOfTheFirstPass) {
  LayoutCase one = case_on(all_tensor());
  one.dropout = 0.2;
  one.recompute = model::Recompute::kFull;
  for (const bool sequence : {false, true}) {
    one.sequence = sequence && ranks() > 1;
    expect_like_one_rank(one);
  }
}

// Norms, biases and ties are held by several ranks; chunks are several models of one rank.
TEST(Trap04GradientNorm, CountsEverythingOnce) {
  LayoutCase one = case_on(all_tensor());
  one.architecture = "gpt2";
  one.tied = true;
  expect_like_one_rank(one);
  if (ranks() == 1) return;
  one.layout = all_pipeline();
  one.order = {"interleaved", 2};
  one.layers = 2 * ranks();
  expect_like_one_rank(one);
}

TEST(Trap05SequenceGradients, NormsAndBiasesAreSummedOverTheTokensSlices) {
  LayoutCase one = case_on(all_tensor());
  one.sequence = ranks() > 1;
  for (const char* architecture : {"gpt2", "qwen2"}) {
    one.architecture = architecture;
    expect_like_one_rank(one);
  }
}

// 61 tokens over 2 or 4 ranks: the first have one more, and there is no padding to be masked.
TEST(Trap06PaddedVocabulary, AVocabularyThatDoesNotDivideHasNoPads) {
  ASSERT_NE(tests::tiny_config("llama").vocabulary() % 2, 0);
  LayoutCase one = case_on(all_tensor());
  one.tied = true;
  expect_like_one_rank(one);
}

// Two key heads: on four ranks each has two copies, which see other queries.
TEST(Trap09CopiedKeyHeads, SumTheirGradients) {
  ASSERT_EQ(tests::tiny_config("llama").kv_heads, 2);
  expect_like_one_rank(case_on(all_tensor()));
}

// A tied embedding gets two gradients a micro-batch, and buckets are reduced while backward runs.
TEST(Trap10ParametersUsedTwice, AreReducedAfterTheirLastUse) {
  LayoutCase one = case_on(all_data());
  one.tied = true;
  for (const int zero : {0, 2}) {
    one.zero = zero;
    expect_like_one_rank(one);
  }
}

// Rows with several documents, padding and a window, over ranks that share them.
TEST(Trap12ContextParallel, PlacesTargetsAndMasksAreCutAlike) {
  LayoutCase one = case_on(all_context());
  one.dropout = 0.1;
  for (const char* architecture : {"gpt2", "mistral"}) {
    one.architecture = architecture;
    expect_like_one_rank(one);
  }
}

TEST(Trap13SequenceBoundary, TheLastTargetOfAPieceIsTheNextTokenOfTheRow) {
  const data::Row row = tests::layout_row(0, 0, 61);
  const int64_t sample = 0;
  const data::Batch whole = data::make_batch({&row, 1}, {&sample, 1}, tests::kLayoutTokens);
  for (int part = 0; part < 2; ++part) {
    const data::Batch cut = data::cut_rows(whole, part, 2);
    for (int64_t t = 0; t < cut.length; ++t) {
      const auto place = static_cast<size_t>(cut.places[t]);
      EXPECT_EQ(cut.targets[t], whole.targets[place]);
      if (place + 1 < whole.tokens.size()) {
        EXPECT_EQ(cut.targets[t], whole.tokens[place + 1]);
      }
    }
  }
}

// What stages exchange has the compute type: half the bytes in bf16.
TEST(Trap14PipelineBuffers, HaveTheComputeType) {
  if (ranks() == 1) return;
  const auto sent_in = [](at::ScalarType compute) {
    int64_t sent = 0;
    bool in_step = false;
    const auto world = parallel::make_mpi_world();
    const LayoutCase one = case_on(all_pipeline());
    const auto context = tests::layout_context(
        *world, one.layout, [&](const parallel::Communicator&, CommOp op, int64_t bytes) {
          if (in_step && op == CommOp::kExchange && bytes > 256) sent += bytes;
          return true;
        });
    const auto count_first = [&](int step, std::vector<data::Batch>&) { in_step = step == 0; };
    tests::train(*context, one, {.compute = compute, .tamper = count_first});
    return sent;
  };
  const int64_t floats = sent_in(at::kFloat);
  EXPECT_GT(floats, 0);
  EXPECT_EQ(sent_in(at::kBFloat16) * 2, floats);
}

TEST(Trap19AccumulationState, AnEvaluationBetweenStepsChangesNothing) {
  LayoutCase one = case_on(all_data());
  one.dropout = 0.1;
  for (const int zero : {1, 3}) {
    one.zero = zero;
    const Outcome without = train_on(one), with = train_on(one, {.evaluates = true});
    EXPECT_EQ(with.loss, without.loss);
    for (const auto& [name, weight] : with.weights)
      EXPECT_TRUE(at::equal(weight, without.weights.at(name))) << name;
  }
}

// Buckets of sizes that 2 or 4 ranks do not divide.
TEST(Trap22UnevenZero, FillingIsNeitherTrainedNorCounted) {
  LayoutCase one = case_on(all_data());
  one.architecture = "gpt2";
  for (one.zero = 1; one.zero <= 3; ++one.zero) expect_like_one_rank(one);
}

TEST(Trap23MeanOrSum, GradientsAreThoseOfOneRankForAnyNumberOfDataRanks) {
  LayoutCase one = case_on(all_data());
  one.zero = 0;
  expect_like_one_rank(one);
}

// Names and first values go by the number of the layer in the whole model.
TEST(Trap30StageSplit, LayersKeepTheirNumbersAndFirstValues) {
  const auto world = parallel::make_mpi_world();
  const auto context = tests::layout_context(*world, all_pipeline());
  const auto alone = parallel::make_single_context();
  model::ModelConfig config = tests::tiny_config("llama");
  config.layers = 2 * ranks();
  tests::TinyModel whole(*alone, config), part(*context, config, {.chunks_per_stage = 2});
  for (const parallel::Param& param : part.params.params()) {
    const std::string& name = param.spec.tied_to.empty() ? param.name : param.spec.tied_to;
    const parallel::ParamId there = whole.params.find(name);
    ASSERT_TRUE(there.valid()) << name;
    EXPECT_TRUE(at::equal(part.params.get_whole(part.params.find(param.name)),
                          whole.params.get_whole(there)))
        << name;
  }
  EXPECT_EQ(part.params.trainable_count(), whole.params.trainable_count());
}

}  // namespace
}  // namespace strata::trainer
