// Reading config.json and generation_config.json.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/architecture.h"
#include "model/hf.h"
#include "model/hf/keys.h"

namespace strata::model {
namespace {

// Which head the weights have, from the class that wrote them. The bare model (LlamaModel) passes
// as a language model: its head may be tied.
HeadKind head_of(const base::JsonReader& there, const Architecture& architecture) {
  if (!there.has("architectures")) return HeadKind::kLanguage;
  const base::Json& classes = there.array("architectures");
  const std::string name =
      classes.empty() || !classes[0].is_string() ? "" : classes[0].get<std::string>();
  if (name.empty() || name == architecture.language_class) return HeadKind::kLanguage;
  if (name == architecture.scalar_class) {
    const size_t labels = there.has("id2label")
                              ? there.at("id2label").size()
                              : 2;  // transformers writes no key for its default, two
    if (labels != 1)
      there.refuse("id2label",
                   fmt::format("has {} labels; only a head with one output is supported", labels));
    return HeadKind::kScalar;
  }
  const std::string_view language = architecture.language_class;
  const std::string bare(language.substr(
      0, language.find(language.ends_with("ForCausalLM") ? "ForCausalLM" : "LMHeadModel")));
  if (name == bare + "Model") return HeadKind::kLanguage;
  there.refuse("architectures",
               fmt::format("is {}, which is not supported; there are {} and {}", name,
                           architecture.language_class, architecture.scalar_class));
}

std::string dtype_of(const base::JsonReader& there) {
  const std::string name = there.string("dtype", there.string("torch_dtype", "float32"));
  return name == "bfloat16" ? "bf16" : name == "float16" ? "fp16" : "fp32";
}

void read_ids(const base::JsonReader& there, FolderInfo& info) {
  info.bos_id = there.integer("bos_token_id", info.bos_id);
  info.pad_id = there.integer("pad_token_id", info.pad_id);
  const std::vector<int64_t> ends = integers(there, "eos_token_id");
  if (!ends.empty()) info.end_ids = ends;
}

}  // namespace

bool is_model_folder(const std::filesystem::path& folder) {
  return std::filesystem::is_regular_file(folder / "config.json");
}

FolderInfo parse_folder_info(const base::Json& json, const std::string& where) {
  const base::JsonReader there(json, where, base::kBadUsage);

  FolderInfo info;
  info.config.architecture = there.string("model_type");
  const Architecture& architecture =
      architecture_of(choice(there, "model_type", architecture_names()));
  if (there.has("quantization_config"))
    there.refuse("quantization_config", "is there: quantized weights are not supported");
  architecture.read_config(there, info.config);
  base::Problems problems;
  info.config.check(problems);
  if (!problems.items.empty()) {
    throw base::UserError(base::kBadUsage, fmt::format("{}: {}: {}", where, problems.items[0].key,
                                                       problems.items[0].why));
  }

  info.head = head_of(there, architecture);
  info.dtype = dtype_of(there);
  info.reward_shift = there.number("strata_reward_shift", 0.0);
  read_ids(there, info);
  return info;
}

FolderInfo read_folder_info(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "config.json";
  FolderInfo info = parse_folder_info(base::read_json(file, base::kBadUsage), file.string());
  const std::filesystem::path generation = folder / "generation_config.json";
  if (std::filesystem::exists(generation)) {
    const base::Json generation_json = base::read_json(generation, base::kBadUsage);
    read_ids(base::JsonReader(generation_json, generation.string(), base::kBadUsage), info);
  }
  return info;
}

}  // namespace strata::model
