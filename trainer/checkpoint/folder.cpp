#include "trainer/checkpoint/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "base/safetensors.h"

namespace strata::trainer {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kStepPrefix = "step_";

std::optional<int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kStepPrefix)) return {};
  name.remove_prefix(kStepPrefix.size());
  int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size()) return {};
  return step;
}

/// What is wrong with the files of a manifest as far as their sizes tell; "" = nothing.
std::string size_problem(const fs::path& folder, const Manifest& manifest) {
  for (const Manifest::File& file : manifest.files) {
    std::error_code error;
    const auto bytes = fs::file_size(folder / file.name, error);
    if (error) return fmt::format("{} is missing", file.name);
    if (static_cast<int64_t>(bytes) != file.bytes) {
      return fmt::format("{} has {} bytes instead of {}", file.name, bytes, file.bytes);
    }
  }
  return {};
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) {
    throw base::UserError(base::kDiskTrouble,
                          fmt::format("cannot remove {}: {}", folder.string(), error.message()));
  }
}

std::vector<fs::path> paths_in(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder, error)) entries.push_back(entry.path());
  return entries;
}

}  // namespace

fs::path checkpoints_folder(const fs::path& run) { return run / "checkpoints"; }

fs::path checkpoint_folder(const fs::path& run, int64_t step) {
  return checkpoints_folder(run) / fmt::format("{}{:08}", kStepPrefix, step);
}

CheckpointEntry look_at_checkpoint(const fs::path& folder) {
  CheckpointEntry entry;
  entry.folder = folder;
  entry.step = step_of(folder.filename().string()).value_or(0);
  try {
    entry.manifest = read_manifest(folder);
    entry.step = entry.manifest.step;
    entry.problem = size_problem(folder, entry.manifest);
  } catch (const base::UserError& error) {
    entry.problem = error.what();
  }
  return entry;
}

std::vector<CheckpointEntry> list_checkpoints(const fs::path& run) {
  std::vector<CheckpointEntry> entries;
  for (const fs::path& folder : paths_in(checkpoints_folder(run))) {
    if (step_of(folder.filename().string())) entries.push_back(look_at_checkpoint(folder));
  }
  std::ranges::sort(entries, {}, &CheckpointEntry::step);
  return entries;
}

std::vector<std::string> verify_checkpoint(const fs::path& folder, int part, int parts) {
  const CheckpointEntry entry = look_at_checkpoint(folder);
  if (!entry.problem.empty()) return {entry.problem};
  std::vector<std::string> problems;
  for (size_t i = static_cast<size_t>(part); i < entry.manifest.files.size();
       i += static_cast<size_t>(parts)) {
    const Manifest::File& file = entry.manifest.files[i];
    const base::MappedFile mapped(folder / file.name, base::kBadCheckpoint);
    if (base::crc32c(mapped.bytes().data(), mapped.bytes().size()) != file.crc32c) {
      problems.push_back(fmt::format("{} does not match its checksum", file.name));
    }
  }
  return problems;
}

std::vector<CheckpointEntry> prunable(const std::vector<CheckpointEntry>& entries,
                                      const CheckpointConfig& config) {
  // 1. What stays of the sound ones: the newest, those of round steps, the best.
  std::set<int64_t> kept;
  const CheckpointEntry* best = nullptr;
  int64_t newest_left = config.keep_last;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (!entry->problem.empty()) continue;
    const bool is_round = config.keep_every > 0 && entry->step % config.keep_every == 0;
    if (newest_left-- > 0 || is_round) kept.insert(entry->step);
    const bool is_better = entry->manifest.score &&
                           (best == nullptr || *entry->manifest.score < *best->manifest.score);
    if (is_better) best = &*entry;
  }
  if (config.keep_best && best != nullptr) kept.insert(best->step);

  // 2. Everything else goes, but for a damaged one that nothing sound has followed yet.
  const int64_t newest_sound = kept.empty() ? std::numeric_limits<int64_t>::min() : *kept.rbegin();
  std::vector<CheckpointEntry> gone;
  for (const CheckpointEntry& entry : entries) {
    const bool stays =
        entry.problem.empty() ? kept.contains(entry.step) : entry.step > newest_sound;
    if (!stays) gone.push_back(entry);
  }
  return gone;
}

std::vector<fs::path> prune_checkpoints(const fs::path& run, const CheckpointConfig& config) {
  std::vector<fs::path> removed;
  for (const CheckpointEntry& entry : prunable(list_checkpoints(run), config)) {
    remove_folder(entry.folder);
    removed.push_back(entry.folder);
  }
  return removed;
}

void tidy_checkpoints(const fs::path& run) {
  const fs::path all = checkpoints_folder(run);
  for (const fs::path& hidden : paths_in(all)) {
    const std::string name = hidden.filename().string();
    if (!name.starts_with(fmt::format(".{}", kStepPrefix))) continue;
    // ".step_00000100.old.PID" is what publish_folder moves aside; it is whole.
    const fs::path visible = all / name.substr(1, name.find('.', 1) - 1);
    const bool came_aside = name.find(".old.") != std::string::npos;
    if (came_aside && !fs::exists(visible))
      fs::rename(hidden, visible);
    else
      remove_folder(hidden);
  }
}

std::vector<StoredTensor> stored_tensors(const fs::path& folder) {
  std::vector<StoredTensor> tensors;
  for (const Manifest::File& file : read_manifest(folder).files) {
    if (file.quantity == Manifest::kRunState) continue;
    const base::SafetensorsReader reader(folder / file.name, base::kBadCheckpoint);
    for (const auto& [name, info] : reader.tensors()) {
      tensors.push_back({file.quantity, name, info.dtype, info.shape, file.name});
    }
  }
  std::ranges::sort(tensors, {},
                    [](const StoredTensor& t) { return std::tie(t.quantity, t.name); });
  return tensors;
}

}  // namespace strata::trainer
