// The checkpoints of a run as folders on disk, RUN/checkpoints/step_00000100: listing, verifying,
// pruning, tidying up after a kill. Needs no rank and no model: `strata ckpt` is made of these.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/checkpoint/config.h"
#include "trainer/checkpoint/manifest.h"

namespace strata::trainer {

/// RUN/checkpoints and the folder of one step in it.
std::filesystem::path checkpoints_folder(const std::filesystem::path& run);
std::filesystem::path checkpoint_folder(const std::filesystem::path& run, int64_t step);

struct CheckpointEntry {
  std::filesystem::path folder;
  int64_t step = 0;
  Manifest manifest;    ///< empty where there is a problem with it
  std::string problem;  ///< "" = manifest sound and all files there in the right size; contents are
                        ///< verify_checkpoint's affair
};
CheckpointEntry look_at_checkpoint(const std::filesystem::path& folder);
/// All checkpoints of a run, oldest first.
std::vector<CheckpointEntry> list_checkpoints(const std::filesystem::path& run);

/// Reads every byte. What is wrong, one line each; empty = sound. With parts > 1 only the files
/// number part, part + parts, ...: the ranks share the work.
std::vector<std::string> verify_checkpoint(const std::filesystem::path& folder, int part = 0,
                                           int parts = 1);

/// Which of `entries` (oldest first, as listed) `config` lets go. Counts only sound ones; damaged
/// ones go when a newer sound one is kept.
std::vector<CheckpointEntry> prunable(const std::vector<CheckpointEntry>& entries,
                                      const CheckpointConfig& config);
/// Removes them; returns the folders removed.
std::vector<std::filesystem::path> prune_checkpoints(const std::filesystem::path& run,
                                                     const CheckpointConfig& config);

/// What killed saves left behind: half-written folders go; a checkpoint that had just been moved
/// aside comes back. Only while nobody saves.
void tidy_checkpoints(const std::filesystem::path& run);

struct StoredTensor {
  std::string quantity, name, dtype;
  std::vector<int64_t> shape;
  std::string file;
};
/// The tensors of a checkpoint, by quantity, then by name.
std::vector<StoredTensor> stored_tensors(const std::filesystem::path& folder);

}  // namespace strata::trainer
