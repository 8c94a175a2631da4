// Reading the weights of a Hugging Face folder into a decoder.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "model/architecture.h"
#include "model/decoder.h"
#include "model/hf.h"
#include "parallel/params/param_store.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void bad_folder(const fs::path& folder, const std::string& why) {
  throw base::UserError(base::kBadUsage, fmt::format("{}: {}", folder.string(), why));
}

std::vector<fs::path> weight_files(const fs::path& folder) {
  if (fs::exists(folder / "model.safetensors")) return {folder / "model.safetensors"};
  const fs::path index = folder / "model.safetensors.index.json";
  if (fs::exists(index)) {
    const base::Json json = base::read_json(index, base::kBadUsage);
    const base::JsonReader reader(json, index.string(), base::kBadUsage);
    std::set<std::string> names;
    for (const auto& [tensor, file] : reader.at("weight_map").items())
      names.insert(file.get<std::string>());
    std::vector<fs::path> files;
    for (const std::string& name : names) files.push_back(folder / name);
    return files;
  }
  const bool pickled = fs::exists(folder / "pytorch_model.bin");
  bad_folder(folder,
             pickled
                 ? "only pytorch_model.bin is there; save the model with safe_serialization=True"
                 : "neither model.safetensors nor model.safetensors.index.json is there");
}

/// All tensors of a folder, by name.
class FolderWeights {
 public:
  explicit FolderWeights(const fs::path& folder) {
    for (const fs::path& file : weight_files(folder)) {
      const auto& reader = readers_.emplace_back(std::make_unique<base::SafetensorsReader>(file));
      for (const auto& [name, info] : reader->tensors()) places_[name] = {reader.get(), &info};
    }
  }

  bool has(const std::string& name) const { return places_.count(name) > 0; }
  bool any_begins_with(std::string_view prefix) const {
    return std::any_of(places_.begin(), places_.end(),
                       [&](const auto& place) { return place.first.starts_with(prefix); });
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& place : places_) names.push_back(place.first);
    return names;
  }
  const std::vector<int64_t>& shape(const std::string& name) const {
    return places_.at(name).info->shape;
  }

  /// A view of the mapped bytes in the file's own dtype.
  at::Tensor view(const fs::path& folder, const std::string& name) const {
    static const std::map<std::string, at::ScalarType> kTypes = {
        {"F32", at::kFloat}, {"BF16", at::kBFloat16}, {"F16", at::kHalf}, {"F64", at::kDouble}};
    const Place& place = places_.at(name);
    const auto type = kTypes.find(place.info->dtype);
    if (type == kTypes.end())
      bad_folder(folder, fmt::format("tensor '{}' is {}; only F32, BF16, F16 and F64 are read",
                                     name, place.info->dtype));
    void* bytes =
        const_cast<std::byte*>(place.reader->bytes(*place.info).data());  // never written to
    return at::from_blob(bytes, place.info->shape, type->second);
  }

 private:
  struct Place {
    const base::SafetensorsReader* reader;
    const base::TensorInfo* info;
  };
  std::vector<std::unique_ptr<base::SafetensorsReader>> readers_;
  std::map<std::string, Place> places_;
};

// Buffers that older versions of transformers stored beside the weights.
bool is_buffer(std::string_view name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name.ends_with("rotary_emb.inv_freq");
}

/// The folder's tensors set against those that the architecture's table expects.
class Correspondence {
 public:
  Correspondence(const fs::path& folder, const FolderInfo& info, HeadKind wanted)
      : folder_(folder), weights_(folder), tensors_(folder_tensors(info.config, info.head)) {
    if (info.head == HeadKind::kScalar && wanted == HeadKind::kLanguage) {
      bad_folder(folder,
                 "is a model with a scalar head (a reward model); a language model is needed here");
    }
    const std::string prefix(architecture_of(info.config.architecture).base_prefix);
    const bool bare = !weights_.any_begins_with(prefix);  // saved from the model without its head
    if (bare) {
      for (HfTensor& tensor : tensors_) {
        if (tensor.there.starts_with(prefix)) tensor.there.erase(0, prefix.size());
      }
    }
    head_fits_ = info.head == wanted;
    check(info);
    for (const HfTensor& tensor : tensors_) pieces_[tensor.here].push_back(&tensor);
  }

  bool head_fits() const { return head_fits_; }

  /// fp32, contiguous, as the parameter `here` wants it.
  at::Tensor whole(const std::string& here) const {
    const auto found = pieces_.find(here);
    base::ensure(
        found != pieces_.end(),
        fmt::format("parameter '{}' has no counterpart in the table of its architecture", here));
    const auto part = [&](const HfTensor& tensor) {
      const at::Tensor view = weights_.view(folder_, tensor.there);
      return tensor.transposed ? view.t() : view;
    };
    const auto& pieces = found->second;
    if (pieces.size() == 1) return part(*pieces[0]).to(at::kFloat).contiguous();
    std::vector<at::Tensor> parts;
    int64_t rows = 0;
    for (const HfTensor* piece : pieces) rows += parts.emplace_back(part(*piece)).size(0);
    std::vector<int64_t> shape = parts[0].sizes().vec();
    shape[0] = rows;
    at::Tensor whole = at::empty(shape, at::kFloat);
    for (size_t i = 0; i < pieces.size(); ++i)
      whole.narrow(0, pieces[i]->first_row, parts[i].size(0)).copy_(parts[i]);
    return whole;
  }

 private:
  void check(const FolderInfo& info) const {
    std::set<std::string> expected;
    for (const HfTensor& tensor : tensors_) {
      expected.insert(tensor.there);
      if (!weights_.has(tensor.there)) {
        bad_folder(folder_, fmt::format("tensor '{}' is missing{}", tensor.there,
                                        base::did_you_mean(tensor.there, weights_.names())));
      }
      if (weights_.shape(tensor.there) != tensor.shape) {
        bad_folder(folder_, fmt::format("tensor '{}' has shape [{}]; config.json asks for [{}]",
                                        tensor.there, fmt::join(weights_.shape(tensor.there), ", "),
                                        fmt::join(tensor.shape, ", ")));
      }
    }
    for (const std::string& name : weights_.names()) {
      const bool tied_head = name == "lm_head.weight" && info.config.tied_embeddings;
      if (!expected.count(name) && !is_buffer(name) && !tied_head) {
        bad_folder(folder_,
                   fmt::format("tensor '{}' is not one of a {} model as config.json has it", name,
                               info.config.architecture));
      }
    }
  }

  fs::path folder_;
  FolderWeights weights_;
  std::vector<HfTensor> tensors_;
  std::map<std::string, std::vector<const HfTensor*>> pieces_;
  bool head_fits_ = true;
};

}  // namespace

bool load_weights(const fs::path& folder, const FolderInfo& info, const Decoder& decoder) {
  const Correspondence there(folder, info, decoder.options().head);
  parallel::ParamStore& params = decoder.params();
  for (const parallel::Param& param : params.params()) {
    // Adapters start afresh, and so does a head that the folder has not.
    const bool is_head = param.name == "head.weight";
    if (is_head ? !there.head_fits() : !param.spec.part_of_base) continue;
    params.set_whole(params.find(param.name),
                     there.whole(param.spec.tied_to.empty() ? param.name : param.spec.tied_to));
  }
  return there.head_fits();
}

}  // namespace strata::model
