// From words to a command: finds it in the table, sorts its arguments, runs it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "parallel/comm/communicator.h"
#include "trainer/cli/command.h"
#include "trainer/env.h"

namespace strata::trainer {
namespace {

using base::UserError;

bool starts_with(std::span<const std::string> words, std::string_view name) {
  for (const std::string& word : words) {
    const size_t space = name.find(' ');
    if (name.substr(0, space) != word) return false;
    if (space == std::string_view::npos) return true;
    name.remove_prefix(space + 1);
  }
  return false;
}

size_t words_in(std::string_view name) {
  return 1 + static_cast<size_t>(std::ranges::count(name, ' '));
}

const Command* find_command(std::span<const std::string> words) {
  for (const Command& command : commands()) {
    if (starts_with(words, command.name)) return &command;
  }
  return nullptr;
}

/// The commands whose first word is this one ("data": data prepare, data inspect ...).
std::vector<const Command*> family(std::string_view first_word) {
  std::vector<const Command*> members;
  for (const Command& command : commands()) {
    if (command.name.starts_with(std::string(first_word) + " ")) members.push_back(&command);
  }
  return members;
}

[[noreturn]] void refuse_command(std::span<const std::string> words) {
  const std::vector<const Command*> members = family(words.front());
  std::vector<std::string> names;
  if (members.empty()) {
    for (const Command& command : commands())
      names.emplace_back(command.name.substr(0, command.name.find(' ')));
    throw UserError(base::kBadUsage,
                    fmt::format("no command '{}'{}; 'strata --help' lists them", words.front(),
                                base::did_you_mean(words.front(), names)));
  }
  for (const Command* member : members) names.emplace_back(member->name);
  const std::string given = words.size() > 1 ? words[0] + " " + words[1] : words[0];
  throw UserError(base::kBadUsage,
                  fmt::format("'{}' is not a whole command{}; there are: {}", given,
                              base::did_you_mean(given, names), fmt::join(names, ", ")));
}

bool asks_for_help(std::span<const std::string> words) {
  return std::ranges::any_of(
      words, [](const std::string& word) { return word == "--help" || word == "-h"; });
}

void check_count(const Command& command, const Args& args) {
  const size_t count = args.positional().size();
  if (count >= command.least_arguments && count <= command.most_arguments) return;
  throw UserError(base::kBadUsage,
                  fmt::format("usage: strata {} {}", command.name, command.arguments));
}

void print(parallel::Communicator& world, std::string_view text) {
  if (world.rank() == 0) fmt::print("{}", text);
}

[[noreturn]] void refuse_output() {
  throw UserError(base::kDiskTrouble,
                  "cannot write to standard output: what it shows is not whole");
}

}  // namespace

bool Invocation::is_main_rank() const { return world.rank() == 0; }

int run_command_line(std::span<const std::string> words, parallel::Communicator& world) {
  if (words.empty() || words.front() == "--help" || words.front() == "-h" ||
      (words.front() == "help" && words.size() == 1)) {
    print(world, overview_help());
    return words.empty() ? base::kBadUsage : base::kDone;
  }
  if (words.front() == "--version") {
    print(world, fmt::format("strata {}\n", version()));
    return base::kDone;
  }
  const Command* command = find_command(words);
  if (command == nullptr) {
    const std::vector<const Command*> members = family(words.front());
    if (!members.empty() && asks_for_help(words)) {
      for (const Command* member : members) print(world, command_help(*member) + "\n");
      return base::kDone;
    }
    refuse_command(words);
  }
  const std::span<const std::string> rest = words.subspan(words_in(command->name));
  if (asks_for_help(rest)) {
    print(world, command_help(*command));
    return base::kDone;
  }
  std::vector<Option> known = command->options;
  known.push_back({"quiet", "", ""});
  const Args args(rest, known);
  check_count(*command, args);
  base::Log log({world.rank(), args.has("quiet")});
  try {
    command->run({args, world, log});
  } catch (const std::system_error&) {
    if (std::ferror(stdout) != 0) refuse_output();
    throw;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) refuse_output();
  return base::kDone;
}

}  // namespace strata::trainer
