// What the binary can be asked to do: one row per command. Help, completion and dispatch read the
// same table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/cli/args.h"

namespace strata::base {
class Log;
}
namespace strata::parallel {
class Communicator;
}

namespace strata::trainer {

/// All that a command is given. `world` has one member without a launcher.
struct Invocation {
  const Args& args;
  parallel::Communicator& world;
  base::Log& log;
  bool is_main_rank() const;
};

enum class Group { kLife, kUse, kTools };

struct Command {
  std::string_view name;       ///< "data prepare": one or two words
  std::string_view arguments;  ///< "CONFIG [key=value ...]"
  std::string_view summary;
  Group group;
  size_t least_arguments, most_arguments;
  std::vector<Option> options;  ///< --quiet and --help are every command's
  void (*run)(const Invocation&);
};

/// The table, in the order of --help.
std::span<const Command> commands();

/// Parses `words` (without the program's name), runs the command and returns the exit code. Errors
/// are printed by main().
int run_command_line(std::span<const std::string> words, parallel::Communicator& world);

/// Text of `strata --help` and of `strata COMMAND --help`.
std::string overview_help();
std::string command_help(const Command& command);

}  // namespace strata::trainer
