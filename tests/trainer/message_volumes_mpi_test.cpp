// What each axis sends in a step is what docs/parallelism.md says: bytes counted at the door of
// every group of ranks against the formulas, for a small llama in fp32.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "parallel/comm/world.h"
#include "parallel/params/buckets.h"
#include "tests/trainer/layout_training.h"

namespace strata::trainer {
namespace {

using parallel::CommOp;
using parallel::MeshLayout;

constexpr int kMicrobatches = tests::kStepRows;  // of one row each
constexpr int64_t kFloatBytes = 4, kLayers = 4, kTokens = tests::kLayoutTokens;

struct Counted {
  std::map<CommOp, int64_t> bytes;
  int64_t left_out = 0;  ///< tokens without a target, of micro-batches where they are an eighth
};

/// Bytes that this rank gives in one step, by operation. Numbers and texts of the host and of each
/// token's softmax (up to 256 bytes a call here) are left out.
Counted counted_step(const MeshLayout& layout, bool sequence, int zero) {
  constexpr int kCountedStep = 3, kSmall = 256;
  const auto world = parallel::make_mpi_world();
  Counted result;
  bool counts = false;
  const auto context = tests::layout_context(
      *world, layout, [&](const parallel::Communicator&, CommOp op, int64_t given) {
        if (counts && given > kSmall) result.bytes[op] += given;
        return true;
      });
  tests::LayoutCase one{.architecture = "llama",
                        .tied = false,
                        .dropout = 0,
                        .layers = kLayers,
                        .layout = layout,
                        .sequence = sequence,
                        .zero = zero,
                        .order = {layout.pipeline() > 1 ? "1f1b" : "accumulate", 1},
                        .recompute = model::Recompute::kNone,
                        .micro = 1};
  tests::train(*context, one,
               {.compute = at::kFloat, .tamper = [&](int step, std::vector<data::Batch>& batches) {
                  counts = step == kCountedStep;
                  for (const data::Batch& batch : batches) {
                    const int64_t none = std::ranges::count_if(
                        batch.targets, [](int64_t target) { return target < 0; });
                    if (counts && none * 8 >= kTokens) result.left_out += none;
                  }
                }});
  return result;
}

std::map<CommOp, int64_t> counted(const MeshLayout& layout, bool sequence, int zero) {
  return counted_step(layout, sequence, zero).bytes;
}

int64_t width() { return tests::tiny_config("llama").width; }
/// One activation of all tokens of a micro-batch.
int64_t activation() { return kTokens * width() * kFloatBytes; }

/// Elements of all buckets of one rank, filling included.
int64_t bucket_elements(const MeshLayout& layout, int zero) {
  const auto world = parallel::make_mpi_world();
  const auto context = tests::layout_context(*world, layout);
  model::ModelConfig config = tests::tiny_config("llama");
  config.layers = kLayers;
  config.tied_embeddings = false;
  tests::TinyModel tiny(*context, config, {}, {.zero = zero, .bucket_elements = 3000});
  int64_t size = 0;
  for (const parallel::Bucket& bucket : tiny.params.buckets().all) size += bucket.size;
  const int64_t parameters = tiny.params.trainable_count();
  EXPECT_GE(size, parameters);
  EXPECT_LE(size, parameters + parameters / 4);  // filling up to cache lines, in a tiny model
  return size;
}

int ranks() { return parallel::make_mpi_world()->size(); }

/// A layer sums over the ranks twice on the way forward and twice on the way back; the embedding
/// once forward, the head once back. Tokens without a target leave in the middle of the last layer,
/// before three of its sums and the head's.
TEST(MessageVolumes, Tensor) {
  if (ranks() != 2) GTEST_SKIP() << "formulas are checked on two ranks";
  auto [bytes, left_out] = counted_step(MeshLayout(2, 1, 1, 1), false, 0);
  EXPECT_GT(left_out, 0);
  EXPECT_EQ(bytes[CommOp::kAllReduce], kMicrobatches * (4 * kLayers + 2) * activation() -
                                           4 * left_out * width() * kFloatBytes);
  EXPECT_EQ(bytes.size(), 1u);
}

/// The sums become reduce-scatters, and what a linear layer reads is gathered: once forward, once
/// more back. The gradients of the norms are summed once a step.
TEST(MessageVolumes, Sequence) {
  if (ranks() != 2) GTEST_SKIP() << "formulas are checked on two ranks";
  auto bytes = counted(MeshLayout(2, 1, 1, 1), true, 0);
  EXPECT_EQ(bytes[CommOp::kReduceScatter], kMicrobatches * (4 * kLayers + 2) * activation());
  EXPECT_EQ(bytes[CommOp::kAllGather], kMicrobatches * (6 * kLayers + 3) * activation() / 2);
  EXPECT_EQ(bytes[CommOp::kAllReduce], (2 * kLayers + 1) * width() * kFloatBytes);
}

/// One activation forward and its gradient back for each micro-batch.
TEST(MessageVolumes, Pipeline) {
  if (ranks() != 2) GTEST_SKIP() << "formulas are checked on two ranks";
  auto bytes = counted(MeshLayout(1, 1, 1, 2), false, 0);
  EXPECT_EQ(bytes[CommOp::kExchange], kMicrobatches * activation());
  EXPECT_EQ(bytes.size(), 1u);
}

/// Keys and values go to every other rank, forward and again on the way back, with the places of
/// their tokens; their gradients, in fp32, go all the way round.
TEST(MessageVolumes, Context) {
  if (ranks() != 2) GTEST_SKIP() << "formulas are checked on two ranks";
  auto bytes = counted(MeshLayout(1, 2, 1, 1), false, 0);
  const model::ModelConfig config = tests::tiny_config("llama");
  const int64_t own = kTokens / 2;
  const int64_t keys_and_values =
      2 * own * config.kv_head_count() * config.head_size() * kFloatBytes;
  const int64_t places = own * 8;
  const int64_t with_documents = kLayers * 2 * places;  // of the one row that holds two
  EXPECT_EQ(bytes[CommOp::kExchange],
            kMicrobatches * kLayers * (2 * (keys_and_values + places) + 2 * keys_and_values) +
                with_documents);
}

/// ZeRO 0 sums all gradients; 1 and 2 scatter the sums, 2 those of every micro-batch, and gather
/// the updated values; 3 gathers the values of a block when a micro-batch uses them, forward and
/// back.
TEST(MessageVolumes, Data) {
  if (ranks() != 2) GTEST_SKIP() << "formulas are checked on two ranks";
  const MeshLayout layout(1, 1, 2, 1);
  const int64_t p = bucket_elements(layout, 1) * kFloatBytes;
  const int microbatches = kMicrobatches / 2;
  EXPECT_EQ(counted(layout, false, 0)[CommOp::kAllReduce], p);
  for (const int zero : {1, 2}) {
    auto bytes = counted(layout, false, zero);
    EXPECT_EQ(bytes[CommOp::kReduceScatter], zero == 1 ? p : microbatches * p);
    EXPECT_EQ(bytes[CommOp::kAllGather], p / 2) << zero;
  }
  auto bytes = counted(layout, false, 3);
  EXPECT_EQ(bytes[CommOp::kReduceScatter], microbatches * p);
  EXPECT_GT(bytes[CommOp::kAllGather], microbatches * p / 2);
  EXPECT_LE(bytes[CommOp::kAllGather], 2 * microbatches * p / 2);
}

}  // namespace
}  // namespace strata::trainer
