// The whole job against plain PyTorch: twelve steps from a model folder, by the command line, give
// PyTorch's losses, gradient norms and final weights (tests/golden/make_training.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/metrics_file.h"
#include "base/safetensors.h"
#include "parallel/comm/world.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"
#include "trainer/cli/command.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;

double value(const base::MetricRow& row, std::string_view name) {
  for (const auto& [key, number] : row) {
    if (key == name) return number;
  }
  return std::nan("");
}

std::vector<float> floats(const base::SafetensorsReader& file, const base::TensorInfo& info) {
  const auto bytes = file.bytes(info);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

class PretrainGolden : public testing::TestWithParam<std::string> {};

TEST_P(PretrainGolden, TwelveStepsFollowPyTorch) {
  const fs::path golden = tests::tests_folder() / "golden" / "training";
  const fs::path start = tests::tests_folder() / "golden" / "model" / GetParam();
  const tests::TempFolder folder;
  const fs::path run = folder.path() / "run", config = folder.path() / "config.yaml";
  base::write_file(config, "data: {shuffle: false}\n");
  const std::vector<std::string> words{
      "pretrain",
      config.string(),
      "--quiet",
      "run.dir=" + run.string(),
      "run.steps=12",
      "model.from=" + start.string(),
      "data.train=[{path: " + (golden / (GetParam() + "_rows.jsonl")).string() + "}]",
      "batch.global=4",
      "batch.micro=2",
      "batch.sequence=16",
      "optimizer.lr=3e-3",
      "optimizer.min_lr=3e-4",
      "optimizer.warmup=3",
      "optimizer.schedule=linear",
      "optimizer.eps=1e-5",
      "precision.compute=fp32",
      "log.every=1"};
  ASSERT_EQ(run_command_line(words, *parallel::make_self()), 0);

  const base::Json expected = base::read_json(golden / (GetParam() + ".json"));
  const std::vector<base::MetricRow> rows = base::read_metrics(run / "metrics.jsonl");
  ASSERT_EQ(rows.size(), 12u);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_NEAR(value(rows[i], "loss"), expected["losses"][i].get<double>(), 1e-5)
        << "step " << i + 1;
    EXPECT_NEAR(value(rows[i], "grad_norm"), expected["grad_norms"][i].get<double>(), 1e-4)
        << "step " << i + 1;
  }

  const base::SafetensorsReader ours(run / "model" / "model.safetensors");
  const base::SafetensorsReader theirs(golden / (GetParam() + ".safetensors"));
  for (const auto& [name, info] : theirs.tensors()) {
    ASSERT_TRUE(ours.tensors().contains(name)) << name;
    const std::vector<float> a = floats(ours, ours.tensors().at(name)), b = floats(theirs, info);
    ASSERT_EQ(a.size(), b.size()) << name;
    float worst = 0;
    for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
    EXPECT_LT(worst, 2e-5f) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PretrainGolden, testing::Values("gpt2", "llama"));

}  // namespace
}  // namespace strata::trainer
