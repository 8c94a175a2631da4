#include "trainer/models/source.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "model/decoder.h"
#include "trainer/checkpoint/folder.h"
#include "trainer/config/load.h"
#include "trainer/loop/run_state.h"
#include "trainer/models/adapters.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;

bool has_tokenizer(const fs::path& folder) { return fs::exists(folder / "tokenizer.json"); }

ModelSource from_folder(const fs::path& folder) {
  return {folder, false, has_tokenizer(folder) ? folder : fs::path(),
          model::read_folder_info(folder)};
}

/// PEFT's folder, or a checkpoint of adapters, on the model that they were made for.
void put_on_base(ModelSource& source, const LoraRecord& adapters,
                 const parallel::ParallelContext& context, const Warn& warn) {
  source.lora = adapters.lora;
  source.base = std::make_shared<const ModelSource>(find_model(adapters.base, context, warn));
}

ModelSource from_peft_folder(const fs::path& folder, const parallel::ParallelContext& context,
                             const Warn& warn) {
  ModelSource source{folder, false, {}, {}};
  put_on_base(source, read_peft_config(folder), context, warn);
  source.info = source.base->info;
  source.info.head = peft_head(folder);
  source.lora.targets = peft_targets(folder, source.info.config);
  source.tokenizer = has_tokenizer(folder) ? folder : source.base->tokenizer;
  return source;
}

ModelSource from_checkpoint(const fs::path& folder, const parallel::ParallelContext& context,
                            const Warn& warn) {
  const CheckpointReader reader(folder);
  ModelSource source{folder, true, {}, {}};
  const RunState state = RunState::parse(reader.run_state());
  source.info = state.model;
  if (state.adapters.lora.rank > 0) put_on_base(source, state.adapters, context, warn);
  const fs::path run = fs::absolute(folder).parent_path().parent_path();
  if (has_tokenizer(run / "tokenizer")) source.tokenizer = run / "tokenizer";  // with its template
  if (source.tokenizer.empty()) source.tokenizer = load_run_of(run, {}).config.tokenizer.path;
  if (source.tokenizer.empty() && has_tokenizer(run / "model")) source.tokenizer = run / "model";
  return source;
}

/// Whether the run's result is not what its checkpoints hold.
bool is_normalized(const fs::path& run) {
  return model::is_model_folder(run / "model") &&
         load_run_of(run, {}).config.reward.normalize != "none" &&
         model::read_folder_info(run / "model").head == model::HeadKind::kScalar;
}

}  // namespace

ModelSource find_model(const fs::path& path, const parallel::ParallelContext& context,
                       const Warn& warn) {
  if (model::is_model_folder(path)) return from_folder(path);
  if (is_peft_folder(path)) return from_peft_folder(path, context, warn);
  if (is_normalized(path)) return from_folder(path / "model");
  if (fs::exists(path / Manifest::kFileName) || fs::exists(checkpoints_folder(path))) {
    if (const auto checkpoint = find_checkpoint(path, context, warn))
      return from_checkpoint(*checkpoint, context, warn);
  }
  if (model::is_model_folder(path / "model")) return from_folder(path / "model");
  throw base::UserError(
      base::kBadUsage,
      fmt::format(
          "{}: no model is there; expected a run, a checkpoint, or a folder with config.json",
          path.string()));
}

bool load_source(const ModelSource& source, model::Decoder& decoder) {
  if (source.base) {
    load_source(*source.base, decoder);
    return merge_adapters(source, decoder);
  }
  if (!source.is_checkpoint) return model::load_weights(source.folder, source.info, decoder);
  const bool is_scalar = source.info.head == model::HeadKind::kScalar;
  const bool wants_scalar = decoder.options().head == model::HeadKind::kScalar;
  base::ensure(wants_scalar || !is_scalar, "a reward model is no language model");
  CheckpointReader(source.folder).read_base(decoder.params(), is_scalar == wants_scalar);
  return is_scalar == wants_scalar;
}

}  // namespace strata::trainer
