#include "trainer/cli/args.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace strata::trainer {
namespace {

const Option* find_option(std::span<const Option> known, std::string_view name) {
  const auto at = std::ranges::find(known, name, &Option::name);
  return at == known.end() ? nullptr : &*at;
}

[[noreturn]] void refuse_option(std::string_view name, std::span<const Option> known) {
  std::vector<std::string> names;
  for (const Option& option : known) names.push_back("--" + std::string(option.name));
  const std::string word = "--" + std::string(name);
  throw base::UserError(base::kBadUsage,
                        fmt::format("unknown option '{}'{}; this command takes: {}", word,
                                    base::did_you_mean(word, names), fmt::join(names, ", ")));
}

}  // namespace

bool is_override(std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  const std::string_view key = word.substr(0, equals);
  const auto belongs = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  return key.front() >= 'a' && key.front() <= 'z' && std::ranges::all_of(key, belongs);
}

Args::Args(std::span<const std::string> words, std::span<const Option> known) {
  bool options_ended = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (options_ended || !word.starts_with("--")) {
      (is_override(word) ? overrides_ : positional_).push_back(word);
      continue;
    }
    if (word == "--") {
      options_ended = true;
      continue;
    }
    const size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Option* option = find_option(known, name);
    if (option == nullptr) refuse_option(name, known);
    const bool takes_value = !option->value.empty();
    if (equals != std::string::npos) {
      if (!takes_value)
        throw base::UserError(base::kBadUsage, fmt::format("--{} takes no value", name));
      options_[name] = word.substr(equals + 1);
    } else if (takes_value) {
      if (i + 1 == words.size()) {
        throw base::UserError(
            base::kBadUsage, fmt::format("--{} needs a value: --{} {}", name, name, option->value));
      }
      options_[name] = words[++i];
    } else {
      options_[name] = "";
    }
  }
}

bool Args::has(std::string_view option) const { return options_.contains(option); }

std::string Args::value(std::string_view option, std::string_view fallback) const {
  const auto at = options_.find(option);
  return at == options_.end() ? std::string(fallback) : at->second;
}

std::optional<int64_t> Args::number(std::string_view option) const {
  const auto at = options_.find(option);
  if (at == options_.end()) return std::nullopt;
  int64_t number = 0;
  const char* end = at->second.data() + at->second.size();
  const auto [stop, error] = std::from_chars(at->second.data(), end, number);
  if (error != std::errc() || stop != end) {
    throw base::UserError(base::kBadUsage,
                          fmt::format("--{} takes a whole number, not '{}'", option, at->second));
  }
  return number;
}

}  // namespace strata::trainer
