// The words of a command line, sorted: positional words, --options and key=value overrides.
// Knows how words look; which of them a command takes stands in trainer/cli/command.h.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::trainer {

/// An option that a command takes. `value` names its argument in the help; empty: a flag.
struct Option {
  std::string_view name, value, help;
};

class Args {
 public:
  /// Sorts `words` by what the command takes. A UserError (kBadUsage) names an unknown option with
  /// the nearest one, or an option without its value. "--name=value" and "--name value" are the
  /// same; "--" ends the options.
  Args(std::span<const std::string> words, std::span<const Option> known);

  const std::vector<std::string>& positional() const { return positional_; }
  const std::vector<std::string>& overrides() const { return overrides_; }
  bool has(std::string_view option) const;
  std::string value(std::string_view option, std::string_view fallback = "") const;
  /// A whole number, or a UserError that names the option.
  std::optional<int64_t> number(std::string_view option) const;

 private:
  std::vector<std::string> positional_, overrides_;
  std::map<std::string, std::string, std::less<>> options_;
};

/// Whether a word is an override: dotted lower-case keys, then '='.
bool is_override(std::string_view word);

}  // namespace strata::trainer
