// The tensors of adapters by our names, whether a checkpoint or a PEFT folder holds them.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/safetensors.h"
#include "model/lora.h"
#include "trainer/checkpoint/reader.h"

namespace strata::trainer {

struct ModelSource;

/// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight": what PEFT calls A (`half`
/// 'A') or B of an adapter.
std::string peft_name(const model::LoraPlace& place, char half);
/// A new head that was trained beside the adapters.
inline constexpr const char* kPeftHead = "base_model.model.score.weight";

class AdapterTensors {
 public:
  explicit AdapterTensors(const ModelSource& source);

  /// Whole tensors by our names, fp32; valid while this lives.
  model::FetchAdapter fetch() const;
  at::Tensor head() const;

 private:
  at::Tensor of_folder(const std::string& name_there) const;

  std::filesystem::path folder_;
  std::unique_ptr<CheckpointReader> checkpoint_;
  std::unique_ptr<base::SafetensorsReader> file_;
  std::map<std::string, std::string> names_there_;
};

}  // namespace strata::trainer
