// Tiny folders written by transformers (tests/golden/make_model.py): the same log-probabilities,
// greedy continuations, rewards and training steps.
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/safetensors.h"
#include "model/generator.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/grad_sink.h"
#include "tests/model/tiny.h"
#include "tests/support/paths.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;
using tests::TinyModel;

class Golden {
 public:
  explicit Golden(const fs::path& folder) : reader_(folder / "golden.safetensors") {}
  bool has(const std::string& name) const { return reader_.tensors().count(name) > 0; }
  at::Tensor operator[](const std::string& name) const {
    const base::TensorInfo& info = reader_.tensors().at(name);
    void* bytes = const_cast<std::byte*>(reader_.bytes(info).data());
    return at::from_blob(bytes, info.shape, info.dtype == "I64" ? at::kLong : at::kFloat).clone();
  }
  std::vector<int32_t> ids(const std::string& name) const {
    const at::Tensor ids = (*this)[name];
    return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel()};
  }

 private:
  base::SafetensorsReader reader_;
};

fs::path golden_folder(const std::string& name) {
  return tests::tests_folder() / "golden" / "model" / name;
}

std::vector<std::vector<int32_t>> rows_of(const at::Tensor& ids_bt) {
  std::vector<std::vector<int32_t>> rows;
  for (int64_t i = 0; i < ids_bt.size(0); ++i) {
    const int64_t* row = ids_bt.const_data_ptr<int64_t>() + i * ids_bt.size(1);
    rows.emplace_back(row, row + ids_bt.size(1));
  }
  return rows;
}

class GoldenModel : public testing::TestWithParam<std::string> {
 protected:
  GoldenModel() : context_(parallel::make_single_context()), golden_(golden_folder(GetParam())) {}
  std::unique_ptr<parallel::ParallelContext> context_;
  Golden golden_;
};

TEST_P(GoldenModel, LogProbabilitiesAgree) {
  TinyModel tiny(*context_, golden_folder(GetParam()));
  const at::Tensor expected = golden_["logprobs"];
  const auto scores = score(tiny.decoder, rows_of(golden_["ids"]));
  double worst = 0;
  for (size_t row = 0; row < scores.size(); ++row) {
    EXPECT_TRUE(std::isnan(scores[row][0]));
    for (size_t t = 1; t < scores[row].size(); ++t) {
      const double there =
          expected[static_cast<int64_t>(row)][static_cast<int64_t>(t) - 1].item<double>();
      worst = std::max(worst, std::abs(scores[row][t] - there));
    }
  }
  EXPECT_LT(worst, 1e-5);
}

TEST_P(GoldenModel, GreedyContinuationsAgreeInOneRaggedBatch) {
  TinyModel tiny(*context_, golden_folder(GetParam()));
  Generator generator(tiny.decoder);
  std::vector<std::vector<int32_t>> prompts;
  for (int n = 0; n < 3; ++n) prompts.push_back(golden_.ids("prompt." + std::to_string(n)));
  const std::vector<int64_t> numbers = {0, 1, 2};
  for (int64_t max_rows : {0, 2}) {
    const auto answers = generator.generate(prompts, numbers,
                                            {.max_new_tokens = 12, .temperature = 0}, {}, max_rows);
    for (int n = 0; n < 3; ++n)
      EXPECT_EQ(answers[n].tokens, golden_.ids("greedy." + std::to_string(n))) << "prompt " << n;
  }
}

TEST_P(GoldenModel, ThreeTrainingStepsFollowPyTorch) {
  if (!golden_.has("loss")) return;  // folders in bf16 are not trained there
  TinyModel tiny(*context_, golden_folder(GetParam()));
  parallel::OptimizerConfig config;
  config.eps = 1e-5;
  parallel::DistributedOptimizer optimizer(tiny.params, config);
  parallel::GradSink sink(tiny.params);
  for (int64_t step = 0; step < 3; ++step) {
    const at::Tensor ids = golden_["train_ids"][step];
    const at::Tensor inputs = ids.slice(1, 0, -1).contiguous(),
                     targets = ids.slice(1, 1).contiguous();
    optimizer.zero_grad(1);
    const at::Tensor h_nd =
        tests::final_hidden(tiny.decoder, {.tokens_bt = inputs}, {.sink = &sink});
    const at::Tensor loss = tiny.decoder.head(&sink)
                                .token_logprobs(h_nd, targets)
                                .sum()
                                .mul(-1.0 / static_cast<double>(targets.numel()));
    loss.backward();
    EXPECT_NEAR(loss.item<double>(), golden_["loss"][step].item<double>(), 1e-5) << "step " << step;
    const double norm = golden_["grad_norm"][step].item<double>();
    EXPECT_NEAR(optimizer.reduce_grads(), norm, 1e-5 * norm) << "step " << step;
    EXPECT_TRUE(optimizer.step(1e-3));
  }
  for (const HfTensor& tensor : folder_tensors(tiny.info.config, tiny.info.head)) {
    const at::Tensor whole = tiny.params.get_whole(tiny.params.find(tensor.here));
    const int64_t rows = tensor.transposed ? tensor.shape.back() : tensor.shape[0];
    const at::Tensor part = whole.narrow(0, tensor.first_row, rows);
    EXPECT_LT(tests::max_difference(tensor.transposed ? part.t() : part,
                                    golden_["after." + tensor.there]),
              2e-6)
        << tensor.there;
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenModel,
                         testing::Values("gpt2", "llama", "llama_untied", "mistral", "qwen2",
                                         "llama_bf16_shards"),
                         [](const auto& info) { return info.param; });

TEST(GoldenReward, ValuesAgree) {
  const auto context = parallel::make_single_context();
  const Golden golden(golden_folder("reward"));
  TinyModel tiny(*context, golden_folder("reward"));
  const at::NoGradGuard no_grad;
  const at::Tensor ids = golden["ids"];
  const at::Tensor values = tiny.decoder.head(nullptr).values(
      tests::final_hidden(tiny.decoder, {.tokens_bt = ids}), ids.size(0), ids.size(1));
  EXPECT_LT(tests::max_difference(values, golden["values"]), 1e-5);
}

TEST(GoldenFolders, TheConfigSaysWhatTransformersWrote) {
  const FolderInfo info = read_folder_info(golden_folder("llama_untied"));
  EXPECT_EQ(info.config.head_dim, 12);
  EXPECT_EQ(info.config.rope_scaling.rope_type, "linear");
  EXPECT_FALSE(info.config.tied_embeddings);
  EXPECT_EQ(info.bos_id, 1);
  EXPECT_EQ(info.end_ids, (std::vector<int64_t>{2}));
  EXPECT_EQ(info.pad_id, 0);
  EXPECT_EQ(info.dtype, "fp32");
  EXPECT_EQ(read_folder_info(golden_folder("mistral")).config.window, 8);
  EXPECT_EQ(read_folder_info(golden_folder("llama_bf16_shards")).dtype, "bf16");
  EXPECT_EQ(read_folder_info(golden_folder("reward")).head, HeadKind::kScalar);
}

}  // namespace
}  // namespace strata::model
