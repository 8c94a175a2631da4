// Writing a decoder as a Hugging Face folder. Whole tensors come one by one, from the stage that
// owns them to world rank 0, which writes: the files are the same whatever the layout.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "model/architecture.h"
#include "model/decoder.h"
#include "model/hf.h"
#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kShardBytes = int64_t{4} << 30;
constexpr const char* kTransformersVersion = "4.57.0";  // whose format these files have

struct Dtype {
  const char *name_there, *name_in_file;
  at::ScalarType type;
};

Dtype dtype_named(const std::string& name) {
  if (name == "fp32") return {"float32", "F32", at::kFloat};
  if (name == "bf16") return {"bfloat16", "BF16", at::kBFloat16};
  if (name == "fp16") return {"float16", "F16", at::kHalf};
  throw base::UserError(base::kBadUsage,
                        fmt::format("dtype '{}': fp32, bf16 or fp16 was expected", name));
}

base::Json ids_json(const FolderInfo& info) {
  base::Json json = base::Json::object();
  if (info.bos_id >= 0) json["bos_token_id"] = info.bos_id;
  if (info.end_ids.size() == 1) json["eos_token_id"] = info.end_ids[0];
  if (info.end_ids.size() > 1) json["eos_token_id"] = info.end_ids;
  if (info.pad_id >= 0) json["pad_token_id"] = info.pad_id;
  json["transformers_version"] = kTransformersVersion;
  return json;
}

}  // namespace

base::Json folder_config(const FolderInfo& info) {
  const Architecture& architecture = architecture_of(info.config.architecture);
  const bool scalar = info.head == HeadKind::kScalar;
  base::Json json;
  json["architectures"] = {scalar ? architecture.scalar_class : architecture.language_class};
  json["model_type"] = architecture.name;
  architecture.write_config(info.config, json);
  if (scalar) {
    json["id2label"] = {{"0", "LABEL_0"}};
    json["label2id"] = {{"LABEL_0", 0}};
    if (info.reward_shift != 0) json["strata_reward_shift"] = info.reward_shift;
  }
  json["dtype"] = dtype_named(info.dtype).name_there;
  json.update(ids_json(info));
  return json;
}

namespace {

/// Hands out whole tensors as the folder has them. Every rank asks for all of them in the same
/// order; world rank 0 gets them.
class WholeTensors {
 public:
  WholeTensors(const Decoder& decoder, std::vector<HfTensor> tensors, at::ScalarType dtype)
      : params_(decoder.params()),
        context_(decoder.context()),
        lora_(decoder.options().lora),
        adapters_(lora_places(decoder.config(), lora_)),
        tensors_(std::move(tensors)),
        dtype_(dtype) {
    // The first stage that has a tensor under its own name owns it (a tied copy has another).
    std::vector<double> owners(tensors_.size());
    const int stage = context_.coord().pipeline, none = context_.layout().pipeline();
    for (size_t i = 0; i < tensors_.size(); ++i)
      owners[i] = params_.find(tensors_[i].here).valid() ? stage : none;
    parallel::all_reduce_numbers(context_.along(parallel::kPipelineAxis), owners,
                                 parallel::ReduceOp::kMin);
    for (double owner : owners) owners_.push_back(static_cast<int>(owner));
  }

  const std::vector<HfTensor>& tensors() const { return tensors_; }

  at::Tensor fetch(size_t i) {
    const HfTensor& tensor = tensors_[i];
    at::Tensor there;
    if (context_.coord().pipeline == owners_[i]) there = piece(tensor);
    if (owners_[i] == 0 || !in_first_pipeline()) return there;
    parallel::Communicator& pipeline = context_.along(parallel::kPipelineAxis);
    if (context_.coord().pipeline == 0) {
      at::Tensor arrived =
          at::empty(tensor.shape, at::TensorOptions().dtype(dtype_).device(context_.device()));
      const parallel::P2p message{
          .send = false, .tensor = &arrived, .peer = owners_[i], .channel = parallel::kBulk};
      pipeline.exchange({&message, 1})->wait();
      return arrived.cpu();
    }
    if (context_.coord().pipeline == owners_[i]) {
      there = there.to(context_.device());
      const parallel::P2p message{
          .send = true, .tensor = &there, .peer = 0, .channel = parallel::kBulk};
      pipeline.exchange({&message, 1})->wait();
    }
    return {};
  }

 private:
  bool in_first_pipeline() const {
    const parallel::Coord at = context_.coord();
    return at.tensor == 0 && at.context == 0 && at.data == 0;
  }

  at::Tensor whole_of(const std::string& name) const {
    return params_.get_whole(params_.find(name)).cpu();
  }

  at::Tensor piece(const HfTensor& tensor) {
    if (last_here_ != tensor.here) {
      last_whole_ = whole_of(tensor.here);
      add_adapters(last_whole_, tensor.here, adapters_, lora_.scale(),
                   [this](const std::string& name) { return whole_of(name); });
      last_here_ = tensor.here;
    }
    const int64_t rows = tensor.transposed ? tensor.shape.back() : tensor.shape[0];
    const at::Tensor part = last_whole_.narrow(0, tensor.first_row, rows);
    return (tensor.transposed ? part.t() : part).to(dtype_).contiguous();
  }

  const parallel::ParamStore& params_;
  const parallel::ParallelContext& context_;
  const LoraConfig lora_;
  const std::vector<LoraPlace> adapters_;  // which are merged
  std::vector<HfTensor> tensors_;
  at::ScalarType dtype_;
  std::vector<int> owners_;
  std::string last_here_;  // a fused tensor is gathered once for all its pieces
  at::Tensor last_whole_;
};

int64_t bytes_of(const HfTensor& tensor, int64_t element_bytes) {
  int64_t bytes = element_bytes;
  for (int64_t extent : tensor.shape) bytes *= extent;
  return bytes;
}

/// shards[i] = which tensors file i holds, in order.
std::vector<std::vector<size_t>> plan_shards(const std::vector<HfTensor>& tensors,
                                             int64_t element_bytes) {
  std::vector<std::vector<size_t>> shards(1);
  int64_t filled = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int64_t bytes = bytes_of(tensors[i], element_bytes);
    if (filled > 0 && filled + bytes > kShardBytes) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(i);
    filled += bytes;
  }
  return shards;
}

void write_shard(const fs::path& file, const std::vector<size_t>& which, WholeTensors& whole,
                 const Dtype& dtype) {
  at::Tensor held;
  std::vector<base::TensorToWrite> to_write;
  for (size_t i : which) {
    const auto fetch = [&held, &whole, i] {
      held = whole.fetch(i);
      return std::span(static_cast<const std::byte*>(held.const_data_ptr()), held.nbytes());
    };
    to_write.push_back({.name = whole.tensors()[i].there,
                        .dtype = dtype.name_in_file,
                        .shape = whole.tensors()[i].shape,
                        .fetch = fetch});
  }
  base::write_file_with(file, [&](const fs::path& temporary) {
    base::write_safetensors(temporary, to_write, {{"format", "pt"}});
  });
}

void write_weights(const fs::path& folder, WholeTensors& whole, const Dtype& dtype) {
  const int64_t element_bytes = base::dtype_bytes(dtype.name_in_file);
  const auto shards = plan_shards(whole.tensors(), element_bytes);
  base::Json weight_map = base::Json::object();
  int64_t total = 0;
  for (size_t s = 0; s < shards.size(); ++s) {
    const std::string name =
        shards.size() == 1 ? "model.safetensors"
                           : fmt::format("model-{:05}-of-{:05}.safetensors", s + 1, shards.size());
    write_shard(folder / name, shards[s], whole, dtype);
    for (size_t i : shards[s]) {
      weight_map.emplace(whole.tensors()[i].there, name);
      total += bytes_of(whole.tensors()[i], element_bytes);
    }
  }
  if (shards.size() == 1) return;
  const base::Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
  base::write_file(folder / "model.safetensors.index.json", base::pretty_json(index));
}

void remove_old_weights(const fs::path& folder) {
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("model") &&
        (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json")))
      old.push_back(entry.path());
  }
  for (const fs::path& path : old) fs::remove(path);
}

}  // namespace

void write_folder(const fs::path& folder, const FolderInfo& info, const Decoder& decoder) {
  const Dtype dtype = dtype_named(info.dtype);
  WholeTensors whole(decoder, folder_tensors(info.config, info.head), dtype.type);
  if (decoder.context().rank() != 0) {
    for (size_t i = 0; i < whole.tensors().size(); ++i) whole.fetch(i);
    return;
  }
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    throw base::UserError(base::kDiskTrouble,
                          fmt::format("{}: {}", folder.string(), failed.message()));
  remove_old_weights(folder);
  base::write_file(folder / "config.json", base::pretty_json(folder_config(info)));
  if (info.head == HeadKind::kLanguage)
    base::write_file(folder / "generation_config.json", base::pretty_json(ids_json(info)));
  write_weights(folder, whole, dtype);
}

}  // namespace strata::model
