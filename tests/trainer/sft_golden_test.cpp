// Fine-tuning by the command line against plain PyTorch (tests/golden/make_sft.py): every step has
// all rows, so that rows one by one and rows packed into sequences must both give PyTorch's losses,
// gradient norms and weights.
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

double number_of(const base::MetricRow& row, std::string_view name) {
  for (const auto& [key, number] : row) {
    if (key == name) return number;
  }
  return std::nan("");
}

float worst_difference(const base::SafetensorsReader& a, const base::SafetensorsReader& b,
                       const std::string& name) {
  const auto of_a = a.bytes(a.tensors().at(name)), of_b = b.bytes(b.tensors().at(name));
  EXPECT_EQ(of_a.size(), of_b.size()) << name;
  float worst = 0;
  for (size_t at = 0; at < of_a.size(); at += sizeof(float)) {
    float x, y;
    std::memcpy(&x, of_a.data() + at, sizeof x);
    std::memcpy(&y, of_b.data() + at, sizeof y);
    worst = std::max(worst, std::abs(x - y));
  }
  return worst;
}

struct Layout {
  std::string packing, global, micro;
};

class SftGolden : public testing::TestWithParam<Layout> {};

TEST_P(SftGolden, FollowsPyTorch) {
  const fs::path tests = tests::tests_folder(), golden = tests / "golden" / "sft";
  const tests::TempFolder folder;
  const fs::path run = folder.path() / "run", config = folder.path() / "config.yaml";
  base::write_file(config, "data: {shuffle: false}\n");
  const Layout layout = GetParam();
  const std::vector<std::string> words{
      "sft",
      config.string(),
      "--quiet",
      "run.dir=" + run.string(),
      "run.steps=4",
      "model.from=" + (tests / "golden" / "model" / "llama").string(),
      "data.train=" + (golden / "rows.jsonl").string(),
      "sft.packing=" + layout.packing,
      "batch.global=" + layout.global,
      "batch.micro=" + layout.micro,
      "batch.sequence=16",
      "optimizer.lr=3e-3",
      "optimizer.warmup=0",
      "optimizer.schedule=constant",
      "optimizer.eps=1e-5",
      "precision.compute=fp32",
      "log.every=1"};
  ASSERT_EQ(run_command_line(words, *parallel::make_self()), 0);

  const base::Json expected = base::read_json(golden / "llama.json");
  const std::vector<base::MetricRow> rows = base::read_metrics(run / "metrics.jsonl");
  ASSERT_EQ(rows.size(), 4u);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_NEAR(number_of(rows[i], "loss"), expected["losses"][i].get<double>(), 1e-5) << i;
    EXPECT_NEAR(number_of(rows[i], "grad_norm"), expected["grad_norms"][i].get<double>(), 1e-4)
        << i;
  }
  const base::SafetensorsReader ours(run / "model" / "model.safetensors");
  const base::SafetensorsReader theirs(golden / "llama.safetensors");
  for (const auto& [name, info] : theirs.tensors()) {
    ASSERT_TRUE(ours.tensors().contains(name)) << name;
    EXPECT_LT(worst_difference(ours, theirs, name), 2e-5f) << name;
  }
}

// Rows of 4, 16, 8, 2, 11, 6, 3, 15, 5, 1, 10 and 7 tokens fit first into seven sequences of 16.
INSTANTIATE_TEST_SUITE_P(RowsAndPacks, SftGolden,
                         testing::Values(Layout{"false", "12", "3"}, Layout{"true", "7", "1"}));

}  // namespace
}  // namespace strata::trainer
