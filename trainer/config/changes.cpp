#include "trainer/config/changes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/config_dump.h"
#include "base/error.h"
#include "base/file.h"
#include "trainer/checkpoint/folder.h"

namespace strata::trainer {
namespace {

/// Keys that say how long, how fast or where, not what is learnt.
const std::vector<std::string> kFree{
    "run.dir",    "run.steps",   "run.epochs",       "run.resume",
    "run.device", "run.threads", "run.hang_timeout", "run.accept_changes",
    "parallel",   "batch.micro", "memory",           "log",
    "eval",       "checkpoint",  "data.eval"};

bool covers(const std::string& rule, const std::string& key) {
  return key == rule || key.starts_with(rule + ".");
}

}  // namespace

void refuse_changes(const std::filesystem::path& folder, const LoadedRun& run) {
  const std::filesystem::path file = folder / "config.yaml";
  if (!std::filesystem::exists(file) || list_checkpoints(folder).empty()) return;
  std::string differences;
  for (const base::ConfigChange& change :
       base::compare_dumps(base::read_file(file), file.string(), dump_run(run), "this start")) {
    const auto allows = [&](const std::string& rule) { return covers(rule, change.key); };
    // Where answers are trained on, how they are sampled is what is learnt.
    if (std::ranges::any_of(kFree, allows) ||
        (run.config.rewards.empty() && covers("generation", change.key)) ||
        std::ranges::any_of(run.config.run.accept_changes, allows))
      continue;
    differences += fmt::format("\n  {}: {} -> {}", change.key, change.before, change.after);
  }
  if (differences.empty()) return;
  throw base::UserError(base::kBadUsage,
                        fmt::format("{} holds a run with another config:{}\nGo on with the old "
                                    "values, choose another run.dir, or name the keys in "
                                    "run.accept_changes",
                                    folder.string(), differences));
}

}  // namespace strata::trainer
