#include "trainer/config/load.h"

#include "base/config_dump.h"

namespace strata::trainer {

LoadedRun load_run(const std::string& file, const std::vector<std::string>& overrides,
                   std::string_view job) {
  LoadedRun run = base::load_config<RunConfig>({.file = file, .overrides = overrides});
  if (run.config.run.dir.empty()) run.config.run.dir = "runs/" + std::string(job);
  // Gradients of reinforcement learning are small and noisy: with the usual eps Adam's first steps
  // are too long.
  const bool learns_from_answers = job == "ppo" || job == "grpo";
  if (learns_from_answers && !run.sources.is_set("optimizer.eps")) run.config.optimizer.eps = 1e-5;
  return run;
}

LoadedRun load_run_of(const std::filesystem::path& run, const std::vector<std::string>& overrides) {
  const std::filesystem::path file = run / "config.yaml";
  base::ConfigInput input{.file = std::filesystem::exists(file) ? file : "",
                          .overrides = overrides};
  return base::load_config<RunConfig>(input);
}

std::string dump_run(const LoadedRun& run) { return base::dump_config(run.config); }

std::string dump_run_with_sources(const LoadedRun& run) {
  return base::dump_config(run.config, &run.sources);
}

}  // namespace strata::trainer
