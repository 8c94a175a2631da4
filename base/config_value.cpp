#include "base/config_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace strata::base {
namespace {

struct Suffix {
  std::string_view text;
  double factor;
};
constexpr std::array<Suffix, 8> kSuffixes = {{{"Ki", 0x1p10},
                                              {"Mi", 0x1p20},
                                              {"Gi", 0x1p30},
                                              {"Ti", 0x1p40},
                                              {"K", 1e3},
                                              {"M", 1e6},
                                              {"B", 1e9},
                                              {"T", 1e12}}};

/// A number cut into its parts, as written.
struct NumberParts {
  std::string_view mantissa;  ///< with its sign, without exponent
  bool plain = false;         ///< digits only: no point, exponent or suffix
  double value = 0;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// True for [sign] digits [. digits], at least one digit on either side, no leading zero before
/// another digit.
bool is_decimal(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point < text.size() ? text.substr(point + 1) : "";
  const bool leading_zero = whole.size() > 1 && whole[0] == '0';
  return !leading_zero && !(whole.empty() && fraction.empty()) &&
         std::ranges::all_of(whole, is_digit) && std::ranges::all_of(fraction, is_digit);
}

/// from_chars of the whole text, which may open with a plus sign (from_chars takes none).
template <class T>
std::optional<T> convert(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<NumberParts> cut_number(std::string_view text) {
  std::string_view number = text;
  double factor = 1;
  for (const auto& suffix : kSuffixes) {
    if (!number.ends_with(suffix.text)) continue;
    number.remove_suffix(suffix.text.size());
    factor = suffix.factor;
    break;
  }
  const size_t exponent = std::min(number.find_first_of("eE"), number.size());
  const std::string_view mantissa = number.substr(0, exponent);
  if (!is_decimal(mantissa)) return std::nullopt;
  const auto value = convert<double>(number);
  if (!value || !std::isfinite(*value * factor)) return std::nullopt;
  const bool plain = mantissa.size() == text.size() && mantissa.find('.') == mantissa.npos;
  return NumberParts{mantissa, plain, *value * factor};
}

template <class T>
Parsed<T> refuse(const YamlNode& node, std::string_view expected) {
  if (node.quoted) {
    return {{}, fmt::format("{} was expected, not the text '{}' in quotes", expected, node.text)};
  }
  return {{}, fmt::format("{} was expected, not {}", expected, node.description())};
}

bool is_plain_scalar(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kScalar && !node.quoted;
}

std::string bound(std::string_view word, std::string_view open_word, bool open, double limit) {
  return fmt::format("{} {}", open ? open_word : word, limit);
}

}  // namespace

Limits at_least(double low) { return {.low = low}; }
Limits above(double low) { return {.low = low, .low_open = true}; }
Limits between(double low, double high) { return {.low = low, .high = high}; }
Limits below_one() { return {.low = 0, .high = 1, .high_open = true}; }
Limits one_of(std::vector<std::string> choices) {
  Limits limits;
  limits.choices = std::move(choices);
  return limits;
}

Parsed<bool> parse_value(const YamlNode& node, const bool*) {
  if (is_plain_scalar(node)) {
    for (const char* yes : {"true", "True", "TRUE"}) {
      if (node.text == yes) return {true, ""};
    }
    for (const char* no : {"false", "False", "FALSE"}) {
      if (node.text == no) return {false, ""};
    }
  }
  return refuse<bool>(node, "true or false");
}

Parsed<int64_t> parse_value(const YamlNode& node, const int64_t*) {
  constexpr const char* kExpected = "a whole number";
  if (!is_plain_scalar(node)) return refuse<int64_t>(node, kExpected);
  const auto parts = cut_number(node.text);
  if (!parts) return refuse<int64_t>(node, kExpected);
  if (parts->plain) {
    const auto exact = convert<int64_t>(node.text);
    if (!exact) return {{}, fmt::format("{} is too large a number", node.text)};
    return {*exact, ""};
  }
  const bool only_a_point = parts->mantissa.size() == node.text.size();
  if (only_a_point || parts->value != std::floor(parts->value))
    return refuse<int64_t>(node, kExpected);
  if (std::abs(parts->value) >= 0x1p63)
    return {{}, fmt::format("{} is too large a number", node.text)};
  return {static_cast<int64_t>(parts->value), ""};
}

Parsed<AutoInt> parse_value(const YamlNode& node, const AutoInt*) {
  if (node.kind == YamlNode::Kind::kScalar && node.text == "auto") return {AutoInt(), ""};
  const Parsed<int64_t> number = parse_value(node, static_cast<const int64_t*>(nullptr));
  if (!number.value) return refuse<AutoInt>(node, "a whole number or auto");
  return {AutoInt(*number.value), ""};
}

Parsed<double> parse_value(const YamlNode& node, const double*) {
  constexpr const char* kExpected = "a number";
  if (!is_plain_scalar(node)) return refuse<double>(node, kExpected);
  const auto parts = cut_number(node.text);
  if (!parts) return refuse<double>(node, kExpected);
  return {parts->value, ""};
}

Parsed<std::string> parse_value(const YamlNode& node, const std::string*) {
  if (node.kind == YamlNode::Kind::kScalar) return {node.text, ""};
  return refuse<std::string>(node, "a text");
}

std::string why_outside(const Limits& limits, double value) {
  const bool low_enough = limits.high_open ? value < limits.high : value <= limits.high;
  const bool high_enough = limits.low_open ? value > limits.low : value >= limits.low;
  if (low_enough && high_enough) return "";
  return fmt::format("{} is out of range: {} was expected", value, describe_limits(limits));
}

std::string why_outside(const Limits& limits, int64_t value) {
  return why_outside(limits, static_cast<double>(value));
}

std::string why_outside(const Limits& limits, const AutoInt& value) {
  return value ? why_outside(limits, *value) : "";
}

std::string why_outside(const Limits& limits, const std::string& value) {
  const auto& choices = limits.choices;
  if (choices.empty() || std::ranges::find(choices, value) != choices.end()) return "";
  return fmt::format("'{}' is none of {}{}", value, fmt::join(choices, ", "),
                     did_you_mean(value, choices));
}

std::string describe_limits(const Limits& limits) {
  if (!limits.choices.empty()) return fmt::format("{}", fmt::join(limits.choices, " | "));
  const bool has_low = std::isfinite(limits.low), has_high = std::isfinite(limits.high);
  if (has_low && has_high && !limits.low_open && !limits.high_open) {
    return fmt::format("{} to {}", limits.low, limits.high);
  }
  const std::string low = has_low ? bound("at least", "above", limits.low_open, limits.low) : "";
  const std::string high = has_high ? bound("at most", "below", limits.high_open, limits.high) : "";
  return low + (has_low && has_high ? " and " : "") + high;
}

std::string write_value(bool value) { return value ? "true" : "false"; }
std::string write_value(int64_t value) { return fmt::format("{}", value); }
std::string write_value(const AutoInt& value) { return value ? write_value(*value) : "auto"; }

std::string write_value(double value) {
  ensure(std::isfinite(value), "a config holds a number that is not finite");
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

std::string write_value(const std::string& value) { return yaml_text(value); }

template <class T>
static std::string write_list(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(write_value(value));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

std::string write_value(const std::vector<int64_t>& values) { return write_list(values); }
std::string write_value(const std::vector<double>& values) { return write_list(values); }
std::string write_value(const std::vector<std::string>& values) { return write_list(values); }

std::string write_value(const TextMap& values) {
  std::vector<std::string> texts;
  for (const auto& [key, value] : values) texts.push_back(yaml_text(key) + ": " + yaml_text(value));
  return fmt::format("{{{}}}", fmt::join(texts, ", "));
}

}  // namespace strata::base
