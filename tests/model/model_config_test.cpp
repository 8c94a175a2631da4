// Sizes, counts and rules of the `model:` section.
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/architecture.h"
#include "model/config.h"

namespace strata::model {
namespace {

ModelConfig gpt2_small() {
  ModelConfig config;
  config.architecture = "gpt2";
  config.layers = 12;
  config.width = 768;
  config.heads = 12;
  config.context = 1024;
  config.vocab_size = 50257;
  return config;
}

std::vector<std::string> problems_of(const ModelConfig& config) {
  base::Problems problems;
  config.check(problems);
  std::vector<std::string> keys;
  for (const auto& item : problems.items) keys.push_back(item.key);
  return keys;
}

TEST(ModelConfig, CountsTheParametersOfPublishedModels) {
  EXPECT_EQ(parameter_count(gpt2_small()), 124'439'808);

  ModelConfig llama2;  // Llama 2 7B
  llama2.layers = 32;
  llama2.width = 4096;
  llama2.heads = 32;
  llama2.ffn = 11008;
  llama2.vocab_size = 32000;
  llama2.tied_embeddings = false;
  EXPECT_EQ(parameter_count(llama2), 6'738'415'616);

  ModelConfig qwen;  // Qwen2 0.5B
  qwen.architecture = "qwen2";
  qwen.layers = 24;
  qwen.width = 896;
  qwen.heads = 14;
  qwen.kv_heads = 2;
  qwen.ffn = 4864;
  qwen.vocab_size = 151936;
  EXPECT_EQ(parameter_count(qwen), 494'032'768);
}

TEST(ModelConfig, ATiedHeadIsCountedOnceAndAScalarHeadIsOneRow) {
  ModelConfig config = gpt2_small();
  const int64_t tied = parameter_count(config);
  EXPECT_EQ(parameter_count(config, HeadKind::kScalar), tied + 768);
  config.tied_embeddings = false;
  EXPECT_EQ(parameter_count(config), tied + 50257 * 768);
}

TEST(ModelConfig, CountsWhatATokenCosts) {
  // 6 x (12 layers x 12 width^2 + vocabulary x width) and 12 x width x 512.5 attended tokens a
  // layer.
  const double expected = 6.0 * (12.0 * 12 * 768 * 768 + 50257.0 * 768) + 12.0 * 12 * 768 * 512.5;
  EXPECT_DOUBLE_EQ(flops_per_token(gpt2_small(), 1024), expected);
  ModelConfig windowed;
  windowed.window = 4;
  EXPECT_DOUBLE_EQ(mean_attended(windowed, 8), (1 + 2 + 3 + 4 * 5) / 8.0);
}

TEST(ModelConfig, RefusesWhatDoesNotFitTogether) {
  ModelConfig config = gpt2_small();
  config.heads = 7;
  EXPECT_EQ(problems_of(config), (std::vector<std::string>{"model.heads", "model.head_dim"}));
  config = gpt2_small();
  config.kv_heads = 4;
  EXPECT_EQ(problems_of(config), (std::vector<std::string>{"model.kv_heads"}));
  ModelConfig llama;
  llama.kv_heads = 3;
  llama.window = 16;
  EXPECT_EQ(problems_of(llama), (std::vector<std::string>{"model.kv_heads", "model.window"}));
  llama = {};
  llama.head_dim = 15;
  EXPECT_EQ(problems_of(llama), (std::vector<std::string>{"model.head_dim"}));
  EXPECT_TRUE(problems_of(ModelConfig{}).empty());
}

TEST(ModelConfig, AnUnknownArchitectureIsNamedWithTheNearest) {
  try {
    architecture_of("lama");
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_EQ(error.exit_code, base::kBadUsage);
    EXPECT_NE(std::string(error.what()).find("'llama'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace strata::model
