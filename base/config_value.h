// Single config values: read from YAML scalars, held against their limits, and written so that they
// read back the same. Numbers are stricter than YAML's (no octal, no underscores, no .nan) and
// wider: 64Ki, 2B, 1.5K, 1e3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/yaml.h"

namespace strata::base {

/// A value, or why there is none.
template <class T>
struct Parsed {
  std::optional<T> value;
  std::string why;
};

/// Each reads one scalar: `true`/`false`; a whole number; `auto` or a whole number; a number; any
/// text. Suffixes K M B T (thousands) and Ki Mi Gi Ti (powers of 1024) multiply; a whole number may
/// have a point or an exponent only where the result is whole ("1.5K", "1e3").
Parsed<bool> parse_value(const YamlNode& node, const bool*);
Parsed<int64_t> parse_value(const YamlNode& node, const int64_t*);
Parsed<AutoInt> parse_value(const YamlNode& node, const AutoInt*);
Parsed<double> parse_value(const YamlNode& node, const double*);
Parsed<std::string> parse_value(const YamlNode& node, const std::string*);

/// Why a value is not allowed, or "".
std::string why_outside(const Limits& limits, int64_t value);
std::string why_outside(const Limits& limits, const AutoInt& value);
std::string why_outside(const Limits& limits, double value);
std::string why_outside(const Limits& limits, const std::string& value);

/// "at least 0", "above 0 and below 1", "cosine | linear", or "" where anything goes.
std::string describe_limits(const Limits& limits);

using TextMap = std::vector<std::pair<std::string, std::string>>;

/// As YAML on one line; doubles in the shortest form that reads back to the same bits.
std::string write_value(bool value);
std::string write_value(int64_t value);
std::string write_value(const AutoInt& value);
std::string write_value(double value);
std::string write_value(const std::string& value);
std::string write_value(const std::vector<int64_t>& values);
std::string write_value(const std::vector<double>& values);
std::string write_value(const std::vector<std::string>& values);
std::string write_value(const TextMap& values);

}  // namespace strata::base
