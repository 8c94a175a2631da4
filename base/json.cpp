#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace strata::base {
namespace {

/// "line 3, column 7", or "column 7" inside a text of one line, of a byte counted from 1 as
/// nlohmann counts.
std::string place_in(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte == 0 ? 0 : byte - 1, text.size()));
  const size_t column =
      before.size() - (before.rfind('\n') + 1) + 1;  // rfind gives npos = -1 on the first line
  if (text.find('\n') >= text.size() - (text.empty() ? 0 : 1))
    return fmt::format("column {}", column);
  return fmt::format("line {}, column {}", std::count(before.begin(), before.end(), '\n') + 1,
                     column);
}

/// nlohmann's message without its own error number and place: "syntax error while parsing value -
/// ...".
std::string reason_of(const std::exception& error) {
  const std::string_view what = error.what();
  const size_t place = what.find("parse error");
  const size_t colon = place == what.npos ? what.npos : what.find(": ", place);
  if (colon != what.npos) return std::string(what.substr(colon + 2));
  const size_t bracket = what.find("] ");
  return std::string(bracket == what.npos ? what : what.substr(bracket + 2));
}

template <class J>
J parse_as(std::string_view text, std::string_view source, ExitCode bad) {
  try {
    return J::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    throw UserError(bad, fmt::format("{}: {}: not valid JSON: {}", source,
                                     place_in(text, error.byte), reason_of(error)));
  } catch (const nlohmann::json::exception& error) {  // a number out of range
    throw UserError(bad, fmt::format("{}: not valid JSON: {}", source, reason_of(error)));
  }
}

constexpr auto kReplaceBadBytes = nlohmann::json::error_handler_t::replace;

}  // namespace

Json parse_json(std::string_view text, std::string_view source, ExitCode bad) {
  return parse_as<Json>(text, source, bad);
}

SortedJson parse_sorted_json(std::string_view text, std::string_view source, ExitCode bad) {
  return parse_as<SortedJson>(text, source, bad);
}

Json read_json(const fs::path& path, ExitCode bad) {
  return parse_json(read_file(path, bad), path.string(), bad);
}

SortedJson read_sorted_json(const fs::path& path, ExitCode bad) {
  return parse_sorted_json(read_file(path, bad), path.string(), bad);
}

std::string compact_json(const Json& value) { return value.dump(-1, ' ', false, kReplaceBadBytes); }
std::string pretty_json(const Json& value) {
  return value.dump(2, ' ', false, kReplaceBadBytes) + "\n";
}

template <class J>
BasicJsonReader<J>::BasicJsonReader(const J& object, std::string source, ExitCode bad)
    : BasicJsonReader(object, std::move(source), "", bad) {}

template <class J>
BasicJsonReader<J>::BasicJsonReader(const J& object, std::string source, std::string prefix,
                                    ExitCode bad)
    : object_(&object), source_(std::move(source)), prefix_(std::move(prefix)), bad_(bad) {
  if (object.is_object()) return;
  const std::string what =
      prefix_.empty() ? "" : fmt::format("key '{}': ", prefix_.substr(0, prefix_.size() - 1));
  throw UserError(bad_, fmt::format("{}: {}a JSON object was expected, not {}", source_, what,
                                    object.type_name()));
}

template <class J>
void BasicJsonReader<J>::refuse(const std::string& key, std::string_view why) const {
  throw UserError(bad_, fmt::format("{}: key '{}{}' {}", source_, prefix_, key, why));
}

template <class J>
bool BasicJsonReader<J>::has(const std::string& key) const {
  const auto found = object_->find(key);
  return found != object_->end() && !found->is_null();
}

template <class J>
const J& BasicJsonReader<J>::at(const std::string& key) const {
  const auto found = object_->find(key);
  if (found != object_->end()) return *found;
  std::vector<std::string> keys;
  for (const auto& item : object_->items()) keys.push_back(item.key());
  refuse(key, "is missing" + did_you_mean(key, keys));
}

template <class J>
const J& BasicJsonReader<J>::typed(const std::string& key, bool (*fits)(const J&),
                                   std::string_view expected) const {
  const J& value = at(key);
  if (!fits(value))
    refuse(key, fmt::format("holds a {}; a {} was expected", value.type_name(), expected));
  return value;
}

template <class J>
std::string BasicJsonReader<J>::string(const std::string& key) const {
  return typed(
             key, [](const J& v) { return v.is_string(); }, "string")
      .template get<std::string>();
}

template <class J>
int64_t BasicJsonReader<J>::integer(const std::string& key) const {
  const auto fits = [](const J& v) {
    return v.is_number_integer() &&
           !(v.is_number_unsigned() && v.template get<uint64_t>() > uint64_t{INT64_MAX});
  };
  return typed(key, fits, "whole number").template get<int64_t>();
}

template <class J>
double BasicJsonReader<J>::number(const std::string& key) const {
  return typed(
             key, [](const J& v) { return v.is_number(); }, "number")
      .template get<double>();
}

template <class J>
bool BasicJsonReader<J>::boolean(const std::string& key) const {
  return typed(
             key, [](const J& v) { return v.is_boolean(); }, "true or false")
      .template get<bool>();
}

template <class J>
const J& BasicJsonReader<J>::array(const std::string& key) const {
  return typed(
      key, [](const J& v) { return v.is_array(); }, "list");
}

template <class J>
BasicJsonReader<J> BasicJsonReader<J>::object(const std::string& key) const {
  return {at(key), source_, prefix_ + key + ".", bad_};
}

template <class J>
std::string BasicJsonReader<J>::string(const std::string& key, std::string fallback) const {
  return has(key) ? string(key) : fallback;
}

template <class J>
int64_t BasicJsonReader<J>::integer(const std::string& key, int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}

template <class J>
double BasicJsonReader<J>::number(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

template <class J>
bool BasicJsonReader<J>::boolean(const std::string& key, bool fallback) const {
  return has(key) ? boolean(key) : fallback;
}

template class BasicJsonReader<Json>;
template class BasicJsonReader<SortedJson>;

}  // namespace strata::base
