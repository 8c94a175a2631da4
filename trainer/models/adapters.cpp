#include "trainer/models/adapters.h"

#include <ATen/core/Tensor.h>

#include <optional>

#include "model/decoder.h"
#include "parallel/params/param_store.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/config/run_config.h"
#include "trainer/models/peft_tensors.h"
#include "trainer/models/source.h"

namespace strata::trainer {

namespace fs = std::filesystem;

model::LoraConfig lora_config(const LoraSection& section) {
  return {section.rank, section.alpha, section.targets};
}

LoraRecord lora_record(const RunConfig& config) {
  if (config.lora.rank == 0) return {};
  return {lora_config(config.lora), fs::absolute(config.model.from).lexically_normal().string()};
}

bool merge_adapters(const ModelSource& source, model::Decoder& decoder) {
  const AdapterTensors tensors(source);
  parallel::ParamStore& params = decoder.params();
  const std::vector<model::LoraPlace> places = model::lora_places(source.info.config, source.lora);
  std::string last;
  for (const model::LoraPlace& place : places) {
    const parallel::ParamId id = params.find(place.weight);
    if (place.weight == last || !id.valid()) continue;  // done, or of another stage
    last = place.weight;
    at::Tensor whole = params.get_whole(id).cpu();
    model::add_adapters(whole, place.weight, places, source.lora.scale(), tensors.fetch());
    params.set_whole(id, whole);
  }
  const bool has_head = source.info.head == model::HeadKind::kScalar;
  const parallel::ParamId head = params.find("head.weight");
  if (has_head && head.valid() && decoder.options().head == model::HeadKind::kScalar)
    params.set_whole(head, tensors.head());
  return has_head || decoder.options().head == model::HeadKind::kLanguage;
}

}  // namespace strata::trainer
