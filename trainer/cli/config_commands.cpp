// strata check, help config, env: what the program would do and what it runs on. Start nothing.
#include <fmt/format.h>

#include <cstdio>

#include "base/config_help.h"
#include "base/error.h"
#include "parallel/comm/communicator.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/config/load.h"
#include "trainer/env.h"

namespace strata::trainer {

void help_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const auto& words = call.args.positional();
  if (words[0] != "config") {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("no help on '{}': try 'strata help config [SECTION]' or 'strata {} --help'",
                    words[0], words[0]));
  }
  fmt::print("{}", base::help_text(base::fields_of<RunConfig>(), words.size() > 1 ? words[1] : ""));
}

void env_command(const Invocation& call) {
  const Environment environment = gather_environment(call.world.size());
  if (!call.is_main_rank()) return;
  fmt::print("{}",
             call.args.has("json") ? environment_json(environment) : environment_text(environment));
}

}  // namespace strata::trainer
