#include "trainer/models/source.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "model/decoder.h"
#include "trainer/checkpoint/folder.h"
#include "trainer/config/load.h"
#include "trainer/loop/run_state.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;

bool has_tokenizer(const fs::path& folder) { return fs::exists(folder / "tokenizer.json"); }

ModelSource from_folder(const fs::path& folder) {
  return {folder, false, has_tokenizer(folder) ? folder : fs::path(),
          model::read_folder_info(folder)};
}

ModelSource from_checkpoint(const fs::path& folder) {
  const CheckpointReader reader(folder);
  ModelSource source{folder, true, {}, {}};
  source.info = RunState::parse(reader.run_state()).model;
  const fs::path run = fs::absolute(folder).parent_path().parent_path();
  if (has_tokenizer(run / "tokenizer")) source.tokenizer = run / "tokenizer";  // with its template
  if (source.tokenizer.empty()) source.tokenizer = load_run_of(run, {}).config.tokenizer.path;
  if (source.tokenizer.empty() && has_tokenizer(run / "model")) source.tokenizer = run / "model";
  return source;
}

}  // namespace

ModelSource find_model(const fs::path& path, const parallel::ParallelContext& context,
                       const Warn& warn) {
  if (model::is_model_folder(path)) return from_folder(path);
  if (fs::exists(path / Manifest::kFileName) || fs::exists(checkpoints_folder(path))) {
    if (const auto checkpoint = find_checkpoint(path, context, warn))
      return from_checkpoint(*checkpoint);
  }
  if (model::is_model_folder(path / "model")) return from_folder(path / "model");
  throw base::UserError(
      base::kBadUsage,
      fmt::format(
          "{}: no model is there; expected a run, a checkpoint, or a folder with config.json",
          path.string()));
}

bool load_source(const ModelSource& source, model::Decoder& decoder) {
  if (!source.is_checkpoint) return model::load_weights(source.folder, source.info, decoder);
  CheckpointReader(source.folder).read({"", &decoder.params(), nullptr});
  return true;
}

}  // namespace strata::trainer
