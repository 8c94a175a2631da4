// Model folders as Hugging Face transformers reads and writes them: config.json, model.safetensors
// (or shards with an index), generation_config.json. A tokenizer's files are the caller's. Names
// and shapes come from the architecture's table. Whatever a folder asks for and this program does
// not do is refused by name (UserError, kBadUsage).
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "model/config.h"

namespace strata::model {

class Decoder;

/// What config.json (and generation_config.json) say beside the sizes. Ids are -1 or empty where
/// there is none.
struct FolderInfo {
  ModelConfig config;
  HeadKind head = HeadKind::kLanguage;
  int64_t bos_id = -1;
  std::vector<int64_t> end_ids{};  ///< one or several ids that end an answer
  int64_t pad_id = -1;
  std::string dtype = "fp32";  ///< of the weights: fp32, bf16 or fp16
  double reward_shift = 0;     ///< added to a reward model's score; only this program knows the key
};

/// Whether `folder` looks like a model folder (has a config.json).
bool is_model_folder(const std::filesystem::path& folder);

/// What config.json says, as `folder_config` makes it and transformers writes it; `where` names it
/// in messages.
FolderInfo parse_folder_info(const nlohmann::ordered_json& config, const std::string& where);
nlohmann::ordered_json folder_config(const FolderInfo& info);

/// Reads config.json; refuses unknown architectures and features.
FolderInfo read_folder_info(const std::filesystem::path& folder);

/// Fills the decoder's parameters on this rank (its ParamStore materialized) with the folder's
/// weights. Each rank maps the files and reads only the tensors it holds pieces of. A scalar head
/// keeps its initial values where the folder is a language model: then returns false.
bool load_weights(const std::filesystem::path& folder, const FolderInfo& info,
                  const Decoder& decoder);

/// Writes config.json, generation_config.json and the weights (in shards with an index above 4
/// GiB), adapters merged into them, as info.dtype says (fp32 or bf16), into `folder`, which is made
/// if it is not there;
/// weights that lay there before are removed. Collective over the tensor and pipeline ranks of one
/// copy of the model and its data ranks; world rank 0 writes. For all or nothing give a temporary
/// folder. A missing pad id is the caller's to choose (it needs the tokenizer); it is written as
/// given.
void write_folder(const std::filesystem::path& folder, const FolderInfo& info,
                  const Decoder& decoder);

}  // namespace strata::model
