// The tensors of one pipeline stage in a checkpoint: which there are, how they are dealt out over
// files, how they are gathered from the stage's ranks and written by one of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "parallel/params/param_store.h"
#include "trainer/checkpoint/manifest.h"
#include "trainer/checkpoint/model.h"

namespace strata::trainer {

/// One quantity of one parameter.
struct StageTensor {
  std::string name;
  std::vector<int64_t> shape;
  const CheckpointModel* model;  ///< for gather() alone
  parallel::ParamId id;
  int moment;  ///< of the optimizer; -1: the parameter itself
};

struct StageFile {
  std::string name, quantity;
  std::vector<StageTensor> tensors;
};

/// Each trained parameter that this stage owns, quantity by quantity, in files of about
/// 4 GB. `models` live until all are gathered.
std::vector<StageFile> plan_stage_files(std::span<const CheckpointModel> models, int stage);

/// The whole tensor, fp32 on the CPU, on every rank of the stage. Collective over the stage.
at::Tensor gather(const StageTensor& tensor);

/// Writes the files into `folder`, asking for each tensor when its turn comes.
std::vector<Manifest::File> write_stage_files(
    const std::filesystem::path& folder, std::span<const StageFile> files,
    const std::function<at::Tensor(const StageTensor&)>& fetch);

}  // namespace strata::trainer
