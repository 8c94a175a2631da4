// Adapters in folders of PEFT: what adapter_config.json says, and the tensors' names. Adapters of
// other kinds than plain LoRA are refused by name.
#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "trainer/models/adapters.h"
#include "trainer/models/peft_tensors.h"
#include "trainer/models/source.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;
using base::Json;
using model::LoraPlace;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";

/// What PEFT goes by to find the layers: the module's path within a layer of the model.
std::string within_layer(const std::string& module_there) {
  const size_t number = module_there.find_first_of("0123456789");
  return module_there.substr(module_there.find('.', number) + 1);
}

/// A folder that transformers could load the base from, where there is one.
std::string base_name(const ModelSource& base) {
  if (!base.is_checkpoint) return base.folder.string();
  const fs::path run = base.folder.parent_path().parent_path();
  return (model::is_model_folder(run / "model") ? run / "model" : run).string();
}

Json peft_config(const ModelSource& source, const std::vector<LoraPlace>& places) {
  const bool is_scalar = source.info.head == model::HeadKind::kScalar;
  std::set<std::string> modules;
  for (const LoraPlace& place : places) modules.insert(within_layer(place.module_there));
  Json config;
  config["peft_type"] = "LORA";
  config["task_type"] = is_scalar ? "SEQ_CLS" : "CAUSAL_LM";
  config["base_model_name_or_path"] = base_name(*source.base);
  config["r"] = source.lora.rank;
  config["lora_alpha"] = source.lora.alpha;
  config["target_modules"] = modules;
  config["modules_to_save"] = is_scalar ? Json{"score"} : Json();
  config["fan_in_fan_out"] = std::ranges::any_of(places, &LoraPlace::transposed);
  config["lora_dropout"] = 0.0;
  config["bias"] = "none";
  config["inference_mode"] = true;
  config["init_lora_weights"] = true;
  return config;
}

void refuse_if_set(const base::JsonReader& config, const std::string& key) {
  if (!config.has(key)) return;
  const Json& value = config.at(key);
  const bool is_off = (value.is_boolean() && !value.get<bool>()) ||
                      ((value.is_array() || value.is_object()) && value.empty());
  if (!is_off) config.refuse(key, fmt::format("is {}: this is not supported", value.dump()));
}

Json read_config(const fs::path& folder) {
  return base::read_json(folder / kConfigFile, base::kBadUsage);
}

}  // namespace

void write_peft_folder(const fs::path& folder, const ModelSource& source) {
  const std::vector<LoraPlace> places = model::lora_places(source.info.config, source.lora);
  const AdapterTensors tensors(source);
  at::Tensor in_hand;  // alive until the next one is asked for
  std::vector<base::TensorToWrite> to_write;
  const auto add = [&](const std::string& name, const std::function<at::Tensor()>& fetch) {
    to_write.push_back({name, "F32", fetch().sizes().vec(), [&in_hand, fetch] {
                          in_hand = fetch();
                          return std::as_bytes(std::span(in_hand.const_data_ptr<float>(),
                                                         static_cast<size_t>(in_hand.numel())));
                        }});
  };
  for (const LoraPlace& place : places) {
    add(peft_name(place, 'A'), [&] { return tensors.fetch()(place.name + ".lora_a"); });
    add(peft_name(place, 'B'), [&] { return tensors.fetch()(place.name + ".lora_b"); });
  }
  if (source.info.head == model::HeadKind::kScalar) add(kPeftHead, [&] { return tensors.head(); });

  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) {
    throw base::UserError(base::kDiskTrouble,
                          fmt::format("{}: {}", folder.string(), failed.message()));
  }
  base::write_file_with(folder / kWeightsFile, [&](const fs::path& temporary) {
    base::write_safetensors(temporary, to_write, {{"format", "pt"}});
  });
  base::write_file(folder / kConfigFile, base::pretty_json(peft_config(source, places)));
}

bool is_peft_folder(const fs::path& folder) { return fs::is_regular_file(folder / kConfigFile); }

LoraRecord read_peft_config(const fs::path& folder) {
  const Json json = read_config(folder);
  const base::JsonReader config(json, (folder / kConfigFile).string(), base::kBadUsage);
  if (config.string("peft_type") != "LORA")
    config.refuse("peft_type", "is not LORA: other adapters are not supported");
  for (const char* key :
       {"use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "layers_to_transform",
        "lora_bias", "trainable_token_indices", "alora_invocation_tokens"}) {
    refuse_if_set(config, key);
  }
  // These keep a part of the base's weights for themselves, so that on the base as it is published
  // the adapters are wrong.
  const Json start = json.value("init_lora_weights", Json());
  for (const char* kind : {"pissa", "olora", "corda", "loftq"}) {
    if (start.is_string() && start.get<std::string>().starts_with(kind))
      config.refuse("init_lora_weights", "changed the base's weights: convert to plain LoRA first");
  }
  if (config.string("bias", "none") != "none")
    config.refuse("bias", "is not none: trained biases are not supported");
  return {{config.integer("r"), config.number("lora_alpha"), {}},
          config.string("base_model_name_or_path")};
}

model::HeadKind peft_head(const fs::path& folder) {
  const base::SafetensorsReader file(folder / kWeightsFile);
  return file.tensors().contains(kPeftHead) ? model::HeadKind::kScalar : model::HeadKind::kLanguage;
}

std::vector<std::string> peft_targets(const fs::path& folder, const model::ModelConfig& config) {
  const base::SafetensorsReader file(folder / kWeightsFile);
  std::vector<std::string> targets;
  std::set<std::string> known{kPeftHead};
  for (const std::string& target : model::lora_targets(config)) {
    bool is_there = false;
    for (const LoraPlace& place : model::lora_places(config, {1, 1, {target}})) {
      is_there = is_there || file.tensors().contains(peft_name(place, 'A'));
      known.insert({peft_name(place, 'A'), peft_name(place, 'B')});
    }
    if (is_there) targets.push_back(target);
  }
  for (const auto& [name, info] : file.tensors()) {
    if (known.contains(name)) continue;
    throw base::UserError(base::kBadUsage,
                          fmt::format("{}: tensor '{}' adapts no layer of a {} model",
                                      folder.string(), name, config.architecture));
  }
  return targets;
}

}  // namespace strata::trainer
