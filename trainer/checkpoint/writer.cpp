#include "trainer/checkpoint/writer.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <chrono>
#include <future>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "parallel/comm/collectives.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "trainer/checkpoint/agreement.h"
#include "trainer/checkpoint/folder.h"
#include "trainer/checkpoint/manifest.h"
#include "trainer/checkpoint/stage_files.h"

namespace strata::trainer {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRunStateFile = "run_state.json";

/// What one rank has to show for its part of a save.
struct Written {
  std::vector<Manifest::File> files;
  std::string complaint;
};

/// Hands out whole tensors in the order in which all ranks of the stage gather them. A rank that
/// stops asking for them must still take part in the rest.
class GatherInOrder {
 public:
  explicit GatherInOrder(std::span<const StageFile> files) {
    for (const StageFile& file : files) {
      for (const StageTensor& tensor : file.tensors) order_.push_back(tensor);
    }
  }
  at::Tensor next() { return gather(order_[next_++]); }
  bool is_done() const { return next_ == order_.size(); }

 private:
  std::vector<StageTensor> order_;
  size_t next_ = 0;
};

}  // namespace

struct CheckpointWriter::State {
  /// A save that is not published yet.
  struct Pending {
    Manifest manifest;  ///< without its files
    std::string run_state;
    std::future<Written> written;
  };

  fs::path run;
  const parallel::ParallelContext* context;
  CheckpointConfig config;
  std::optional<Pending> pending;

  bool is_first() const { return context->rank() == 0; }
  /// One rank of each stage writes.
  bool writes() const {
    const parallel::Coord coord = context->coord();
    return coord.tensor == 0 && coord.context == 0 && coord.data == 0;
  }
  fs::path temporary(int64_t step) const {
    const fs::path to = checkpoint_folder(run, step);
    return to.parent_path() / fmt::format(".{}.new", to.filename().string());
  }

  void make_temporary(int64_t step);
  std::future<Written> write(const fs::path& folder, std::span<const CheckpointModel> models);
  void publish();
  void finish_folder(Pending& save, std::span<const std::string> files_of_ranks);
};

CheckpointWriter::CheckpointWriter(const fs::path& run, const parallel::ParallelContext& context,
                                   const CheckpointConfig& config)
    : state_(std::make_unique<State>()) {
  state_->run = run;
  state_->context = &context;
  state_->config = config;
  const std::string complaint = error_of([&] {
    if (state_->is_first()) tidy_checkpoints(run);
  });
  fail_together(context.world(), base::kDiskTrouble, complaint);
}

CheckpointWriter::~CheckpointWriter() = default;

void CheckpointWriter::save(int64_t step, std::span<const CheckpointModel> models,
                            std::string_view run_state, std::optional<double> score) {
  settle(/*wait=*/true);
  State& s = *state_;
  s.make_temporary(step);
  Manifest manifest;
  manifest.step = step;
  manifest.score = score;
  for (const CheckpointModel& model : models) {
    manifest.models.push_back(
        {model.prefix, model.optimizer == nullptr ? 0 : model.optimizer->updates()});
  }
  s.pending.emplace(
      State::Pending{manifest, std::string(run_state), s.write(s.temporary(step), models)});
  if (!s.config.async) settle(/*wait=*/true);
}

void CheckpointWriter::settle(bool wait) {
  State& s = *state_;
  if (!s.pending) return;
  const bool is_written =
      wait || s.pending->written.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  if (!wait && parallel::all_min(s.context->world(), is_written ? 1 : 0) == 0) return;
  s.publish();
}

/// An empty folder for the files, there on all ranks.
void CheckpointWriter::State::make_temporary(int64_t step) {
  const std::string complaint = error_of([&] {
    if (!is_first()) return;
    fs::remove_all(temporary(step));
    fs::create_directories(temporary(step));
  });
  fail_together(context->world(), base::kDiskTrouble, complaint);
}

/// Starts to write this rank's part. Gathering is done when it returns; where saves are
/// asynchronous the files are not.
std::future<Written> CheckpointWriter::State::write(const fs::path& folder,
                                                    std::span<const CheckpointModel> models) {
  const std::vector<StageFile> files = plan_stage_files(models, context->coord().pipeline);
  GatherInOrder wholes(files);
  const auto write_from = [folder, files](const auto& fetch) {
    Written mine;
    mine.complaint = error_of([&] { mine.files = write_stage_files(folder, files, fetch); });
    return mine;
  };
  // 1. Asynchronous: copies of everything, which a thread then writes.
  if (config.async && writes()) {
    std::vector<at::Tensor> copies;
    while (!wholes.is_done()) copies.push_back(wholes.next());
    return std::async(std::launch::async, [write_from, copies = std::move(copies)] {
      size_t next = 0;
      return write_from([&](const StageTensor&) { return copies[next++]; });
    });
  }
  // 2. Else one tensor at a time is gathered and written. A rank that cannot go on writing still
  // helps to gather.
  Written mine;
  if (writes()) mine = write_from([&](const StageTensor&) { return wholes.next(); });
  while (!wholes.is_done()) wholes.next();
  std::promise<Written> done;
  done.set_value(std::move(mine));
  return done.get_future();
}

/// All ranks have written, or one could not: the folder appears, or goes.
void CheckpointWriter::State::publish() {
  Pending save = std::move(*pending);
  pending.reset();
  parallel::Communicator& world = context->world();
  const Written mine = save.written.get();
  std::string complaint = first_complaint(world, mine.complaint);
  if (complaint.empty()) {
    const std::vector<std::string> files_of_ranks =
        parallel::gather_strings(world, files_text(mine.files));
    complaint = first_complaint(world, error_of([&] {
                                  if (is_first()) finish_folder(save, files_of_ranks);
                                }));
  }
  if (complaint.empty()) return;
  if (is_first()) {
    std::error_code ignored;
    fs::remove_all(temporary(save.manifest.step), ignored);
  }
  throw base::UserError(
      base::kDiskTrouble,
      fmt::format("the checkpoint of step {} was not saved: {}", save.manifest.step, complaint));
}

/// Rank 0: the run's state, the manifest, the rename; then older ones may go.
void CheckpointWriter::State::finish_folder(Pending& save,
                                            std::span<const std::string> files_of_ranks) {
  const fs::path folder = temporary(save.manifest.step);
  for (const std::string& text : files_of_ranks) {
    for (Manifest::File& file : files_from_text(text))
      save.manifest.files.push_back(std::move(file));
  }
  base::write_file(folder / kRunStateFile, save.run_state);
  save.manifest.files.push_back({kRunStateFile, Manifest::kRunState,
                                 static_cast<int64_t>(save.run_state.size()),
                                 base::crc32c(save.run_state.data(), save.run_state.size())});
  base::write_file(folder / Manifest::kFileName, manifest_text(save.manifest));
  base::publish_folder(folder, checkpoint_folder(run, save.manifest.step));
  prune_checkpoints(run, config);
}

}  // namespace strata::trainer
