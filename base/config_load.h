// Loading a config: default < file (and the files it inherits from) < environment < command line.
//   auto [config, sources] = load_config<RunConfig>({.file = "a.yaml", .overrides =
//   {"optimizer.lr=3e-4"}});
// A file may open with `base: other.yaml` (relative to itself) and then says only what differs. An
// environment variable STRATA_SECTION__KEY sets section.key; those that spell no key are ignored.
// Override values are YAML. Every problem is told at once, each with file, line and column, in one
// UserError (kBadUsage).
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/config_help.h"
#include "base/config_reader.h"
#include "base/file.h"

namespace strata::base {

struct ConfigInput {
  fs::path file = {};  ///< may be empty: defaults, environment and overrides alone
  std::vector<std::string> overrides = {};  ///< "section.key=value"; later ones win
  std::vector<std::pair<std::string, std::string>> environment = strata_environment();

  /// The process's variables whose name begins with STRATA_.
  static std::vector<std::pair<std::string, std::string>> strata_environment();
};

/// Reads into the config whose fields `visit` visits. `known` lists the keys of such a config;
/// `check` is called when everything is read and adds what it finds.
Sources load_fields(const ConfigInput& input, const std::vector<FieldInfo>& known,
                    const VisitFields& visit, const std::function<void(Problems&)>& check);

template <class Config>
struct LoadedConfig {
  Config config;
  Sources sources;
};

/// The config, checked by its own check(Problems&) where it has one.
template <class Config>
LoadedConfig<Config> load_config(const ConfigInput& input) {
  LoadedConfig<Config> loaded;
  const auto check = [&](Problems& problems) {
    if constexpr (requires { loaded.config.check(problems); }) loaded.config.check(problems);
  };
  loaded.sources = load_fields(
      input, fields_of<Config>(), [&](Fields& f) { loaded.config.fields(f); }, check);
  return loaded;
}

}  // namespace strata::base
