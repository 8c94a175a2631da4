#include "trainer/models/peft_tensors.h"

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include "base/error.h"
#include "trainer/models/source.h"

namespace strata::trainer {
namespace {

at::ScalarType type_named(const std::string& dtype, const std::string& where) {
  if (dtype == "F32") return at::kFloat;
  if (dtype == "BF16") return at::kBFloat16;
  if (dtype == "F16") return at::kHalf;
  throw base::UserError(base::kBadUsage,
                        fmt::format("{} is {}; F32, BF16 or F16 was expected", where, dtype));
}

}  // namespace

std::string peft_name(const model::LoraPlace& place, char half) {
  return fmt::format("base_model.model.{}.lora_{}.weight", place.module_there, half);
}

AdapterTensors::AdapterTensors(const ModelSource& source) : folder_(source.folder) {
  if (source.is_checkpoint) {
    checkpoint_ = std::make_unique<CheckpointReader>(source.folder);
    return;
  }
  file_ = std::make_unique<base::SafetensorsReader>(folder_ / "adapter_model.safetensors");
  for (const model::LoraPlace& place : model::lora_places(source.info.config, source.lora)) {
    names_there_[place.name + ".lora_a"] = peft_name(place, 'A');
    names_there_[place.name + ".lora_b"] = peft_name(place, 'B');
  }
}

model::FetchAdapter AdapterTensors::fetch() const {
  return [this](const std::string& name) {
    return checkpoint_ ? checkpoint_->parameter(name) : of_folder(names_there_.at(name));
  };
}

at::Tensor AdapterTensors::head() const {
  return checkpoint_ ? checkpoint_->parameter("head.weight") : of_folder(kPeftHead);
}

at::Tensor AdapterTensors::of_folder(const std::string& name_there) const {
  const auto found = file_->tensors().find(name_there);
  if (found == file_->tensors().end()) {
    throw base::UserError(base::kBadUsage,
                          fmt::format("{}: tensor '{}' is missing", folder_.string(), name_there));
  }
  const base::TensorInfo& info = found->second;
  auto* bytes = const_cast<std::byte*>(file_->bytes(info).data());  // never written to
  return at::from_blob(bytes, info.shape,
                       type_named(info.dtype, folder_.string() + ": tensor '" + name_there + "'"))
      .to(at::kFloat)
      .contiguous();
}

}  // namespace strata::trainer
