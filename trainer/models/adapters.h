// Adapters outside the model that they were trained in: merged into a model's weights, and as PEFT
// (Hugging Face's library of adapters) keeps them in folders: adapter_config.json and
// adapter_model.safetensors. What a checkpoint of adapters says of its base is in loop/run_state.h.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/hf.h"
#include "model/lora.h"
#include "trainer/loop/run_state.h"

namespace strata::model {
class Decoder;
}

namespace strata::trainer {

struct LoraSection;
struct ModelSource;
struct RunConfig;

model::LoraConfig lora_config(const LoraSection& section);
/// What a checkpoint of this run says of its adapters.
LoraRecord lora_record(const RunConfig& config);

/// Adds the source's adapters to the weights that lie in `decoder`, and takes over a scalar head
/// that was trained beside them. False where a scalar head found no weights. Collective.
bool merge_adapters(const ModelSource& source, model::Decoder& decoder);

/// Writes the source's adapters as a PEFT folder. No communication: one rank calls it.
void write_peft_folder(const std::filesystem::path& folder, const ModelSource& source);

bool is_peft_folder(const std::filesystem::path& folder);
/// Rank, alpha and base; targets are left empty. UserError (kBadUsage) for kinds of adapters that
/// are not supported.
LoraRecord read_peft_config(const std::filesystem::path& folder);
model::HeadKind peft_head(const std::filesystem::path& folder);
/// Which layers of such a model the folder's tensors adapt, as lora.targets calls them. UserError
/// (kBadUsage) that names a tensor which belongs to none.
std::vector<std::string> peft_targets(const std::filesystem::path& folder,
                                      const model::ModelConfig& config);

}  // namespace strata::trainer
