#include "trainer/checkpoint/stage_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/safetensors.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/gather.h"

namespace strata::trainer {
namespace {

constexpr int64_t kFileBytes = int64_t{4} << 30;

std::string quantity_name(const CheckpointModel& model, int moment) {
  return moment < 0 ? Manifest::kParameters
                    : std::string(model.optimizer->moments()[static_cast<size_t>(moment)].name);
}

int64_t stored_bytes(const StageTensor& tensor) {
  int64_t elements = 1;
  for (int64_t size : tensor.shape) elements *= size;
  return elements * int64_t{sizeof(float)};
}

/// Puts a tensor into the last file of its quantity, or into a new one where that is full.
void deal_out(std::vector<StageFile>& files, StageTensor tensor, int stage, int64_t& bytes) {
  const std::string quantity = quantity_name(*tensor.model, tensor.moment);
  const int64_t size = stored_bytes(tensor);
  const bool has_room =
      !files.empty() && files.back().quantity == quantity && bytes + size <= kFileBytes;
  if (!has_room) {
    const auto number = std::ranges::count(files, quantity, &StageFile::quantity);
    files.push_back(
        {fmt::format("{}_stage{:02}_{:03}.safetensors", quantity, stage, number), quantity, {}});
    bytes = 0;
  }
  files.back().tensors.push_back(std::move(tensor));
  bytes += size;
}

}  // namespace

std::vector<StageFile> plan_stage_files(std::span<const CheckpointModel> models, int stage) {
  std::vector<StageFile> files;
  int64_t bytes = 0;  // in the last file
  for (int moment : {-1, 0, 1}) {
    for (const CheckpointModel& model : models) {
      if (moment >= 0 && model.optimizer == nullptr) continue;
      for (int32_t i = 0; i < static_cast<int32_t>(model.params->params().size()); ++i) {
        const parallel::Param& param = (*model.params)[parallel::ParamId{i}];
        if (!param.spec.trainable || !param.spec.tied_to.empty()) continue;
        deal_out(files,
                 {model.prefix + param.name, param.spec.shard.global_shape, &model,
                  parallel::ParamId{i}, moment},
                 stage, bytes);
      }
    }
  }
  return files;
}

at::Tensor gather(const StageTensor& tensor) {
  const parallel::ParamStore& params = *tensor.model->params;
  const at::Tensor whole =
      tensor.moment < 0
          ? params.get_whole(tensor.id)
          : parallel::gather_whole(
                params, tensor.id,
                tensor.model->optimizer->moments()[static_cast<size_t>(tensor.moment)].slices);
  return whole.to(at::kCPU);
}

std::vector<Manifest::File> write_stage_files(
    const std::filesystem::path& folder, std::span<const StageFile> files,
    const std::function<at::Tensor(const StageTensor&)>& fetch) {
  std::vector<Manifest::File> written;
  for (const StageFile& file : files) {
    at::Tensor in_hand;  // alive until the next one is asked for
    std::vector<base::TensorToWrite> tensors;
    for (const StageTensor& tensor : file.tensors) {
      tensors.push_back({tensor.name, "F32", tensor.shape, [&] {
                           in_hand = fetch(tensor);
                           return std::as_bytes(std::span(in_hand.const_data_ptr<float>(),
                                                          static_cast<size_t>(in_hand.numel())));
                         }});
    }
    const std::filesystem::path path = folder / file.name;
    const uint32_t checksum = base::write_safetensors(path, tensors, {{"format", "pt"}});
    written.push_back({file.name, file.quantity,
                       static_cast<int64_t>(std::filesystem::file_size(path)), checksum});
  }
  return written;
}

}  // namespace strata::trainer
