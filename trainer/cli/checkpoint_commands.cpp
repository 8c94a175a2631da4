// strata ckpt ls | inspect | verify | prune: what a run has saved. Need no model and one rank.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "trainer/checkpoint/folder.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/config/load.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;
using base::Json;
using base::UserError;

/// The checkpoints that PATH means: all of a run, or the one folder.
std::vector<CheckpointEntry> entries_of(const fs::path& path) {
  if (fs::exists(path / Manifest::kFileName)) {
    const fs::path run = fs::absolute(path).parent_path().parent_path();
    std::vector<CheckpointEntry> own;
    for (CheckpointEntry& entry : list_checkpoints(run)) {
      if (fs::equivalent(entry.folder, path)) own.push_back(std::move(entry));
    }
    return own;
  }
  if (!fs::is_directory(path)) {
    throw UserError(base::kBadUsage,
                    fmt::format("{}: no run and no checkpoint is there", path.string()));
  }
  return list_checkpoints(path);
}

int64_t bytes_of(const Manifest& manifest) {
  int64_t bytes = 0;
  for (const Manifest::File& file : manifest.files) bytes += file.bytes;
  return bytes;
}

void print_json(const Json& value) { fmt::print("{}", base::pretty_json(value)); }

}  // namespace

void ckpt_ls_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const std::vector<CheckpointEntry> entries = entries_of(call.args.positional()[0]);
  Json rows = Json::array();
  for (const CheckpointEntry& entry : entries) {
    Json row{{"step", entry.step},
             {"folder", entry.folder.string()},
             {"bytes", bytes_of(entry.manifest)}};
    if (entry.manifest.score) row["eval_loss"] = *entry.manifest.score;
    if (!entry.problem.empty()) row["problem"] = entry.problem;
    rows.push_back(row);
  }
  if (call.args.has("json")) return print_json(rows);
  if (entries.empty()) fmt::print("no checkpoints\n");
  for (const CheckpointEntry& entry : entries) {
    fmt::print("step {:>8}  {:>8.1f} MB  {}{}{}\n", entry.step,
               static_cast<double>(bytes_of(entry.manifest)) / 1e6, entry.folder.string(),
               entry.manifest.score ? fmt::format("  eval loss {:.4f}", *entry.manifest.score) : "",
               entry.problem.empty() ? "" : "  DAMAGED: " + entry.problem);
  }
}

void ckpt_inspect_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const std::vector<CheckpointEntry> entries = entries_of(call.args.positional()[0]);
  if (entries.empty())
    throw UserError(base::kBadCheckpoint,
                    fmt::format("{}: no checkpoints", call.args.positional()[0]));
  const fs::path folder = entries.back().folder;
  const CheckpointReader reader(folder);
  const std::vector<StoredTensor> tensors = stored_tensors(folder);
  if (call.args.has("json")) {
    Json rows = Json::array();
    for (const StoredTensor& tensor : tensors) {
      rows.push_back({{"quantity", tensor.quantity},
                      {"name", tensor.name},
                      {"dtype", tensor.dtype},
                      {"shape", tensor.shape},
                      {"file", tensor.file}});
    }
    return print_json(
        {{"folder", folder.string()},
         {"step", reader.step()},
         {"run_state", base::parse_json(reader.run_state(), folder.string(), base::kBadCheckpoint)},
         {"tensors", rows}});
  }
  fmt::print("{}\nstep {}\nrun state {}\n", folder.string(), reader.step(), reader.run_state());
  for (const StoredTensor& tensor : tensors) {
    fmt::print("{:<12} {:<48} {:<5} [{}]  {}\n", tensor.quantity, tensor.name, tensor.dtype,
               fmt::join(tensor.shape, ", "), tensor.file);
  }
}

void ckpt_verify_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const std::vector<CheckpointEntry> entries = entries_of(call.args.positional()[0]);
  Json rows = Json::array();
  size_t damaged = 0;
  for (const CheckpointEntry& entry : entries) {
    std::vector<std::string> problems = verify_checkpoint(entry.folder);
    damaged += !problems.empty();
    rows.push_back(
        {{"folder", entry.folder.string()}, {"sound", problems.empty()}, {"problems", problems}});
    if (call.args.has("json")) continue;
    fmt::print("{}  {}\n", entry.folder.string(), problems.empty() ? "sound" : "DAMAGED");
    for (const std::string& problem : problems) fmt::print("  {}\n", problem);
  }
  if (call.args.has("json")) print_json(rows);
  if (entries.empty())
    throw UserError(base::kBadCheckpoint,
                    fmt::format("{}: no checkpoints", call.args.positional()[0]));
  if (damaged > 0) {
    throw UserError(base::kBadCheckpoint,
                    fmt::format("{} of {} checkpoints are damaged", damaged, entries.size()));
  }
}

void ckpt_prune_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const fs::path run = call.args.positional()[0];
  entries_of(run);  // refuses what is no run
  const RunConfig config = load_run_of(run, call.args.overrides()).config;
  const std::vector<fs::path> removed = prune_checkpoints(run, config.checkpoint);
  if (call.args.has("json")) {
    Json rows = Json::array();
    for (const fs::path& folder : removed) rows.push_back(folder.string());
    return print_json(rows);
  }
  for (const fs::path& folder : removed) fmt::print("removed {}\n", folder.string());
  if (removed.empty()) fmt::print("nothing to remove\n");
}

}  // namespace strata::trainer
