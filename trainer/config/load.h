// Getting the config of a job: from the file and overrides of a command line, or from a run's
// folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/config_load.h"
#include "trainer/config/run_config.h"

namespace strata::trainer {

using LoadedRun = base::LoadedConfig<RunConfig>;

/// The config of `job` ("pretrain"): run.dir is runs/JOB where it is not given. UserError
/// (kBadUsage) with every problem at its place.
LoadedRun load_run(const std::string& file, const std::vector<std::string>& overrides,
                   std::string_view job);

/// The config that a run was made with (RUN/config.yaml), or the defaults where there is none, with
/// overrides.
LoadedRun load_run_of(const std::filesystem::path& run, const std::vector<std::string>& overrides);

/// As YAML that loads back to the same; with the source of each value as comments.
std::string dump_run(const LoadedRun& run);
std::string dump_run_with_sources(const LoadedRun& run);

}  // namespace strata::trainer
