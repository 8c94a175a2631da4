// Help texts, made from the table of commands.
#include <fmt/format.h>

#include <algorithm>

#include "trainer/cli/command.h"

namespace strata::trainer {
namespace {

std::string_view title_of(Group group) {
  switch (group) {
    case Group::kLife:
      return "A model's life";
    case Group::kUse:
      return "Using a model";
    case Group::kTools:
      return "Tools";
  }
  return "";
}

}  // namespace

std::string overview_help() {
  std::string text =
      "strata trains language models through their whole life, on one core or on a cluster.\n\n"
      "usage: strata COMMAND ...            (several ranks: mpirun -n 4 strata COMMAND ...)\n";
  size_t widest = 0;
  for (const Command& command : commands()) widest = std::max(widest, command.name.size());
  for (const Group group : {Group::kLife, Group::kUse, Group::kTools}) {
    text += fmt::format("\n{}\n", title_of(group));
    for (const Command& command : commands()) {
      if (command.group != group) continue;
      text += fmt::format("  {:<{}}  {}\n", command.name, widest, command.summary);
    }
  }
  text +=
      "\n'strata COMMAND --help' tells more of one; 'strata help config [SECTION]' lists every key "
      "of a config file;\n"
      "'strata init DIR' writes commented configs that run as they are.\n";
  return text;
}

std::string command_help(const Command& command) {
  std::string text =
      fmt::format("{}\n\nusage: strata {} {}\n", command.summary, command.name, command.arguments);
  std::vector<Option> options = command.options;
  options.push_back({"quiet", "", "No progress lines on the console; warnings and errors stay."});
  options.push_back({"help", "", "This text."});
  text += "\noptions\n";
  for (const Option& option : options) {
    const std::string form =
        fmt::format("--{}{}{}", option.name, option.value.empty() ? "" : " ", option.value);
    text += fmt::format("  {:<20}  {}\n", form, option.help);
  }
  if (command.arguments.find("key=value") != std::string_view::npos) {
    text +=
        "\nkey=value overrides a key of the config, e.g. optimizer.lr=3e-4; 'strata help config' "
        "lists them.\n";
  }
  return text;
}

}  // namespace strata::trainer
