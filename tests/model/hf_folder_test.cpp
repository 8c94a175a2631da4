// Folders that are not quite as expected: what is read all the same, and what is refused with which
// words.
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "tests/model/tiny.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;
using tests::TinyModel;

fs::path golden_folder(const std::string& name) {
  return tests::tests_folder() / "golden" / "model" / name;
}

/// A copy of a golden folder that a test may change.
class HfFolder : public testing::Test {
 protected:
  void copy(const std::string& name) {
    fs::remove_all(folder_);
    fs::copy(golden_folder(name), folder_);
  }
  void edit_config(const std::function<void(base::Json&)>& edit) {
    base::Json json = base::read_json(folder_ / "config.json");
    edit(json);
    base::write_file(folder_ / "config.json", json.dump());
  }
  using Change = std::function<void(std::string& name, base::TensorToWrite& tensor)>;
  // Rewrites model.safetensors; a tensor whose new name is "" is left out.
  void edit_weights(const Change& change) {
    const std::string bytes = base::read_file(folder_ / "model.safetensors");
    base::write_file(folder_ / "old.safetensors", bytes);
    const base::SafetensorsReader old(folder_ / "old.safetensors");
    std::vector<base::TensorToWrite> tensors;
    for (const auto& [name, info] : old.tensors()) {
      base::TensorToWrite tensor{
          .name = name, .dtype = info.dtype, .shape = info.shape, .fetch = [&old, &info] {
            return old.bytes(info);
          }};
      std::string new_name = name;
      change(new_name, tensor);
      tensor.name = new_name;
      if (!new_name.empty()) tensors.push_back(tensor);
    }
    base::write_file_with(folder_ / "model.safetensors", [&](const fs::path& file) {
      base::write_safetensors(file, tensors, {});
    });
    fs::remove(folder_ / "old.safetensors");
  }
  void expect_refused(const std::string& words) {
    try {
      TinyModel tiny(*context_, folder_);
      ADD_FAILURE() << "was not refused: " << words;
    } catch (const base::UserError& error) {
      EXPECT_EQ(error.exit_code, base::kBadUsage);
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
  void expect_same_model(const std::string& name) {
    TinyModel here(*context_, folder_), there(*context_, golden_folder(name));
    const Input input{.tokens_bt = tests::random_ids(2, 12, 97)};
    EXPECT_TRUE(
        at::equal(tests::all_logits(here.decoder, input), tests::all_logits(there.decoder, input)));
  }

  std::unique_ptr<parallel::ParallelContext> context_ = parallel::make_single_context();
  tests::TempFolder temp_;
  fs::path folder_ = temp_ / "model";
};

TEST_F(HfFolder, NamesOfTheBareModelAndOldBuffersAreRead) {
  copy("gpt2");
  edit_weights([](std::string& name, base::TensorToWrite&) {
    name.erase(0, std::string("transformer.").size());
  });
  edit_config([](base::Json& json) { json["architectures"] = {"GPT2Model"}; });
  expect_same_model("gpt2");
  copy("llama");
  edit_weights([](std::string& name, base::TensorToWrite&) {
    if (name == "model.norm.weight") return;
    name.erase(0, std::string("model.").size());
  });
  expect_refused(
      "tensor 'model.embed_tokens.weight' is missing");  // half with the prefix, half without
}

TEST_F(HfFolder, ConfigsOfTransformersFiveAreRead) {
  copy("llama");
  edit_config([](base::Json& json) {
    json["rope_parameters"] = json["rope_scaling"];
    json["rope_parameters"]["rope_theta"] = json["rope_theta"];
    json.erase("rope_scaling");
    json.erase("rope_theta");
  });
  expect_same_model("llama");
}

TEST_F(HfFolder, SeveralEndIdsComeFromTheGenerationConfig) {
  copy("llama");
  base::write_file(folder_ / "generation_config.json", R"({"eos_token_id": [2, 5]})");
  EXPECT_EQ(read_folder_info(folder_).end_ids, (std::vector<int64_t>{2, 5}));
}

TEST_F(HfFolder, UnknownFeaturesAreRefusedByName) {
  const auto refuse = [&](const std::string& name, const std::string& key, const base::Json& value,
                          const std::string& words) {
    copy(name);
    edit_config([&](base::Json& json) { json[key] = value; });
    expect_refused(words);
  };
  refuse("llama", "attention_bias", true, "key 'attention_bias'");
  refuse("llama", "hidden_act", "gelu", "key 'hidden_act'");
  refuse("llama", "rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}},
         "key 'rope_scaling.rope_type'");
  refuse("llama", "model_type", "lama", "did you mean 'llama'?");
  refuse("llama", "architectures", {"LlamaForTokenClassification"}, "LlamaForTokenClassification");
  refuse("llama", "quantization_config", {{"bits", 4}}, "quantization_config");
  refuse("llama", "hidden_size", "32", "key 'hidden_size'");
  refuse("gpt2", "activation_function", "gelu", "key 'activation_function'");
  refuse("gpt2", "scale_attn_by_inverse_layer_idx", true, "key 'scale_attn_by_inverse_layer_idx'");
  refuse("reward", "id2label", {{"0", "a"}, {"1", "b"}, {"2", "c"}}, "3 labels");
  copy("qwen2");
  edit_config([](base::Json& json) {
    json["use_sliding_window"] = true;
    json["max_window_layers"] = 1;
  });
  expect_refused("max_window_layers");
}

TEST_F(HfFolder, TensorsThatDoNotFitAreNamed) {
  copy("llama");
  edit_weights([](std::string& name, base::TensorToWrite&) {
    if (name == "model.layers.1.mlp.up_proj.weight") name.clear();
  });
  expect_refused("tensor 'model.layers.1.mlp.up_proj.weight' is missing");
  copy("llama");
  edit_weights([](std::string& name, base::TensorToWrite&) {
    if (name == "model.norm.weight") name = "model.norm.wait";
  });
  expect_refused("tensor 'model.norm.weight' is missing (did you mean 'model.norm.wait'?)");
  copy("llama");
  edit_config([](base::Json& json) { json["num_hidden_layers"] = 1; });
  expect_refused("tensor 'model.layers.1.input_layernorm.weight' is not one of a llama model");
  copy("llama");
  edit_config([](base::Json& json) { json["intermediate_size"] = 20; });
  expect_refused(
      "tensor 'model.layers.0.mlp.gate_proj.weight' has shape [40, 32]; config.json asks for [20, "
      "32]");
  copy("llama");
  fs::remove(folder_ / "model.safetensors");
  expect_refused("neither model.safetensors nor model.safetensors.index.json");
  base::write_file(folder_ / "pytorch_model.bin", "x");
  expect_refused("safe_serialization");
}

TEST_F(HfFolder, ARewardModelIsNoLanguageModel) {
  const FolderInfo info = read_folder_info(golden_folder("reward"));
  TinyModel language(*context_, info.config);
  EXPECT_THROW(load_weights(golden_folder("reward"), info, language.decoder), base::UserError);
}

// What transformers wrote comes out again: the same tensors to the bit, and config.json with the
// same values under every key that we write.
TEST_F(HfFolder, AReadFolderIsWrittenAsItWas) {
  for (const std::string name : {"gpt2", "llama", "llama_untied", "mistral", "qwen2", "reward"}) {
    TinyModel tiny(*context_, golden_folder(name));
    write_folder(folder_, tiny.info, tiny.decoder);
    const base::SafetensorsReader ours(folder_ / "model.safetensors"),
        theirs(golden_folder(name) / "model.safetensors");
    ASSERT_EQ(ours.tensors().size(), theirs.tensors().size());
    for (const auto& [tensor, info] : theirs.tensors()) {
      const auto& mine = ours.tensors().at(tensor);
      EXPECT_EQ(mine.shape, info.shape) << tensor;
      EXPECT_TRUE(std::ranges::equal(ours.bytes(mine), theirs.bytes(info))) << tensor;
    }
    const base::SortedJson here = base::read_sorted_json(folder_ / "config.json"),
                           there = base::read_sorted_json(golden_folder(name) / "config.json");
    for (const auto& [key, value] : here.items()) {
      const bool unsaid = !there.contains(key) || there.at(key).is_null();
      if (unsaid || key == "transformers_version") continue;
      EXPECT_EQ(value, there.at(key)) << name << " " << key;
    }
  }
}

}  // namespace
}  // namespace strata::model
