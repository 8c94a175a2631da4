#include "trainer/checkpoint/reader.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/safetensors.h"
#include "parallel/comm/collectives.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/gather.h"
#include "trainer/checkpoint/agreement.h"
#include "trainer/checkpoint/folder.h"

namespace strata::trainer {

namespace fs = std::filesystem;

/// The mapped files and where each tensor lies in them.
struct CheckpointReader::Tensors {
  struct Place {
    const base::SafetensorsReader* file;
    base::TensorInfo info;
  };
  std::vector<std::unique_ptr<base::SafetensorsReader>> files;
  std::map<std::string, std::map<std::string, Place>> by_quantity;  ///< quantity, name

  void add(const std::string& quantity, const fs::path& path) {
    files.push_back(std::make_unique<base::SafetensorsReader>(path, base::kBadCheckpoint));
    for (const auto& [name, info] : files.back()->tensors())
      by_quantity[quantity][name] = {files.back().get(), info};
  }

  [[noreturn]] static void refuse(const std::string& quantity, const std::string& name,
                                  const std::string& why) {
    throw base::UserError(base::kBadCheckpoint,
                          fmt::format("the checkpoint's {} '{}' {}", quantity, name, why));
  }

  /// A tensor over the mapped bytes, which nobody writes to.
  at::Tensor find(const std::string& quantity, const std::string& name) const {
    const auto all = by_quantity.find(quantity);
    if (all == by_quantity.end() || !all->second.contains(name)) {
      std::vector<std::string> names;
      if (all != by_quantity.end()) {
        for (const auto& [known, place] : all->second) names.push_back(known);
      }
      refuse(quantity, name, "is missing" + base::did_you_mean(name, names));
    }
    const Place& place = all->second.at(name);
    if (place.info.dtype != "F32")
      refuse(quantity, name, fmt::format("is {}; F32 was expected", place.info.dtype));
    auto* bytes = const_cast<std::byte*>(place.file->bytes(place.info).data());
    return at::from_blob(bytes, place.info.shape, at::kFloat);
  }
  at::Tensor find(const std::string& quantity, const std::string& name,
                  const std::vector<int64_t>& shape) const {
    const at::Tensor found = find(quantity, name);
    if (found.sizes().vec() != shape) {
      refuse(quantity, name,
             fmt::format("has the shape [{}]; the model's is [{}]",
                         fmt::join(found.sizes().vec(), ", "), fmt::join(shape, ", ")));
    }
    return found;
  }
};

CheckpointReader::CheckpointReader(const fs::path& folder)
    : folder_(folder), manifest_(read_manifest(folder)), tensors_(std::make_unique<Tensors>()) {
  for (const Manifest::File& file : manifest_.files) {
    if (file.quantity == Manifest::kRunState)
      run_state_ = base::read_file(folder / file.name, base::kBadCheckpoint);
    else
      tensors_->add(file.quantity, folder / file.name);
  }
}

CheckpointReader::~CheckpointReader() = default;

void CheckpointReader::read(const CheckpointModel& model) const {
  // 1. The checkpoint has this model, and no parameters of it that the model lacks.
  const parallel::ParallelContext& context = model.params->context();
  const int64_t stored = stored_parameters(model.prefix), owned = owned_parameters(model);
  std::string complaint;
  if (stored != owned) {
    complaint = fmt::format("{} holds {} parameters{}; the model has {}", folder_.string(), stored,
                            model.prefix.empty() ? "" : fmt::format(" of {}", model.prefix), owned);
  }
  // 2. Every rank takes its pieces of every tensor. What is missing says more than a count does.
  const std::string missing = error_of([&] { take_pieces(model); });
  fail_together(context.world(), base::kBadCheckpoint, missing.empty() ? complaint : missing);
}

namespace {

/// What a parameter is called where it is stored: a tied one is its owner.
const std::string& stored_name(const parallel::Param& param) {
  return param.spec.tied_to.empty() ? param.name : param.spec.tied_to;
}

}  // namespace

void CheckpointReader::read_base(parallel::ParamStore& params, bool with_head) const {
  const std::string complaint = error_of([&] {
    for (int32_t i = 0; i < static_cast<int32_t>(params.params().size()); ++i) {
      const parallel::Param& param = params[parallel::ParamId{i}];
      const bool is_head = param.name == "head.weight";
      if (is_head ? !with_head : !param.spec.part_of_base) continue;
      params.set_whole(
          parallel::ParamId{i},
          tensors_->find(Manifest::kParameters, stored_name(param), param.spec.shard.global_shape));
    }
  });
  fail_together(params.context().world(), base::kBadCheckpoint, complaint);
}

bool CheckpointReader::has_parameter(const std::string& name) const {
  const auto all = tensors_->by_quantity.find(Manifest::kParameters);
  return all != tensors_->by_quantity.end() && all->second.contains(name);
}

at::Tensor CheckpointReader::parameter(const std::string& name) const {
  return tensors_->find(Manifest::kParameters, name);
}

void CheckpointReader::take_pieces(const CheckpointModel& model) const {
  parallel::ParamStore& params = *model.params;
  for (int32_t i = 0; i < static_cast<int32_t>(params.params().size()); ++i) {
    const parallel::ParamId id{i};
    const parallel::Param& param = params[id];
    if (!param.spec.trainable) continue;
    const std::string name = model.prefix + stored_name(param);
    const std::vector<int64_t>& shape = param.spec.shard.global_shape;
    params.set_whole(id, tensors_->find(Manifest::kParameters, name, shape));
    if (model.optimizer == nullptr) continue;
    for (const auto& moment : model.optimizer->moments()) {
      parallel::take_from_whole(params, id, moment.slices,
                                tensors_->find(std::string(moment.name), name, shape));
    }
  }
  if (model.optimizer != nullptr) {
    const auto saved = std::ranges::find(manifest_.models, model.prefix, &Manifest::Model::prefix);
    if (saved == manifest_.models.end())
      throw base::UserError(base::kBadCheckpoint, "the manifest does not list the model");
    model.optimizer->set_updates(saved->updates);
  }
}

int64_t CheckpointReader::stored_parameters(const std::string& prefix) const {
  const auto all = tensors_->by_quantity.find(Manifest::kParameters);
  if (all == tensors_->by_quantity.end()) return 0;
  // A checkpoint of several models tells them apart by prefix, and one of them may have none.
  const auto owner = [&](const std::string& name) {
    std::string_view longest;
    for (const Manifest::Model& model : manifest_.models) {
      if (name.starts_with(model.prefix) && model.prefix.size() > longest.size())
        longest = model.prefix;
    }
    return longest;
  };
  return std::ranges::count_if(all->second,
                               [&](const auto& entry) { return owner(entry.first) == prefix; });
}

int64_t CheckpointReader::owned_parameters(const CheckpointModel& model) {
  const auto here = std::ranges::count_if(model.params->params(), [](const parallel::Param& param) {
    return param.spec.trainable && param.spec.tied_to.empty();
  });
  return static_cast<int64_t>(parallel::all_sum(
      model.params->context().along(parallel::kPipelineAxis), static_cast<double>(here)));
}

namespace {

/// What PATH may mean, best first: a checkpoint itself, or all of a run's, newest first.
std::vector<fs::path> candidates(const fs::path& path) {
  if (fs::exists(path / Manifest::kFileName)) return {path};
  std::vector<fs::path> folders;
  for (const CheckpointEntry& entry : list_checkpoints(path)) folders.push_back(entry.folder);
  std::ranges::reverse(folders);
  return folders;
}

/// Rank 0's list, on every rank: another one may see a folder that is just being made.
std::vector<fs::path> agreed_candidates(const fs::path& path, parallel::Communicator& world) {
  std::string lines;
  if (world.rank() == 0) {
    for (const fs::path& folder : candidates(path)) lines += folder.string() + '\n';
  }
  lines = parallel::broadcast_string(world, lines);
  std::vector<fs::path> folders;
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = lines.find('\n', begin);
    folders.emplace_back(lines.substr(begin, end - begin));
    begin = end + 1;
  }
  return folders;
}

}  // namespace

std::optional<fs::path> find_checkpoint(const fs::path& path,
                                        const parallel::ParallelContext& context,
                                        const Warn& warn) {
  parallel::Communicator& world = context.world();
  const std::vector<fs::path> folders = agreed_candidates(path, world);
  std::string last_problem;
  for (const fs::path& folder : folders) {
    std::string problem;
    const std::string failure = error_of([&] {
      problem =
          fmt::format("{}", fmt::join(verify_checkpoint(folder, world.rank(), world.size()), "; "));
    });
    problem = first_complaint(world, failure.empty() ? problem : failure);
    if (problem.empty()) return folder;
    last_problem = fmt::format("checkpoint {} is damaged: {}", folder.string(), problem);
    if (folder != folders.back()) warn(last_problem + "; trying the one before it");
  }
  if (folders.empty()) return {};
  throw base::UserError(
      base::kBadCheckpoint,
      folders.size() == 1
          ? last_problem
          : fmt::format("{}; none of the {} checkpoints in {} is sound", last_problem,
                        folders.size(), checkpoints_folder(path).string()));
}

}  // namespace strata::trainer
