// strata completion bash|zsh|fish: a script made from the table of commands and the list of config
// keys.
#include <fmt/format.h>

#include <cstdio>

#include "base/config_help.h"
#include "base/error.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/config/run_config.h"

namespace strata::trainer {
namespace {

struct Words {
  std::string commands, options, keys;  ///< separated by blanks; keys end in '='
};

Words completion_words() {
  Words words;
  std::string previous;
  for (const Command& command : commands()) {
    const std::string first(command.name.substr(0, command.name.find(' ')));
    if (first != previous) words.commands += first + " ";
    previous = first;
    if (command.name.find(' ') != std::string_view::npos)
      words.options += std::string(command.name.substr(command.name.find(' ') + 1)) + " ";
    for (const Option& option : command.options) words.options += fmt::format("--{} ", option.name);
  }
  words.options += "--quiet --help";
  for (const base::FieldInfo& field : base::fields_of<RunConfig>()) {
    if (!field.is_section) words.keys += field.key + "= ";
  }
  return words;
}

std::string bash_script(const Words& words) {
  return fmt::format(R"(_strata() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{}" -- "$word"))
  elif [[ "$word" == *.* && "$word" != */* ]]; then
    COMPREPLY=($(compgen -W "{}" -- "$word") $(compgen -f -- "$word"))
    compopt -o nospace
  else
    COMPREPLY=($(compgen -W "{}" -- "$word") $(compgen -f -- "$word"))
  fi
}}
complete -F _strata strata
)",
                     words.commands, words.keys, words.options);
}

std::string zsh_script(const Words& words) {
  return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(words);
}

std::string fish_script(const Words& words) {
  return fmt::format(
      "complete -c strata -n '__fish_use_subcommand' -f -a '{}'\n"
      "complete -c strata -n 'not __fish_use_subcommand' -a '{} {}'\n",
      words.commands, words.options, words.keys);
}

}  // namespace

void completion_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const std::string shell = call.args.positional()[0];
  const Words words = completion_words();
  if (shell == "bash") return fmt::print("{}", bash_script(words));
  if (shell == "zsh") return fmt::print("{}", zsh_script(words));
  if (shell == "fish") return fmt::print("{}", fish_script(words));
  throw base::UserError(base::kBadUsage,
                        fmt::format("no completion for '{}'{}; there are bash, zsh and fish", shell,
                                    base::did_you_mean(shell, {"bash", "zsh", "fish"})));
}

}  // namespace strata::trainer
