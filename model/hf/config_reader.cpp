#include "model/hf/config_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace strata::model {
namespace {

using Json = nlohmann::ordered_json;

Json parse_object(const std::filesystem::path& file) {
  Json json = Json::parse(base::read_file(file, base::kBadUsage), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw base::UserError(base::kBadUsage, fmt::format("{}: not a JSON object", file.string()));
  return json;
}

// The value as a T, if `is` finds its JSON type right.
template <class T, class Is>
T value_of(const Json* value, std::optional<T> fallback, Is is, std::string_view key, const std::string& where, const char* expected) {
  if (value == nullptr) {
    if (fallback) return *fallback;
    throw base::UserError(base::kBadUsage, fmt::format("{}: '{}' is missing, {} was expected", where, key, expected));
  }
  if (!is(*value)) {
    throw base::UserError(base::kBadUsage, fmt::format("{}: '{}': {} was expected, not {}", where, key, expected, value->dump()));
  }
  return value->get<T>();
}

}  // namespace

HfConfigReader::HfConfigReader(const std::filesystem::path& file) : HfConfigReader(parse_object(file), file.string()) {}

HfConfigReader::HfConfigReader(const Json& json, std::string where) : where_(std::move(where)), json_(std::make_unique<Json>(json)) {}

HfConfigReader::~HfConfigReader() = default;

const Json* HfConfigReader::find(std::string_view key) const {
  const auto it = json_->find(std::string(key));
  return it == json_->end() || it->is_null() ? nullptr : &*it;
}

bool HfConfigReader::has(std::string_view key) const { return find(key) != nullptr; }

bool HfConfigReader::is_null(std::string_view key) const {
  const auto it = json_->find(std::string(key));
  return it != json_->end() && it->is_null();
}

void HfConfigReader::refuse(std::string_view key, std::string_view why) const {
  const Json* value = find(key);
  throw base::UserError(base::kBadUsage, fmt::format("{}: '{}': {} is not supported: {}", where_, key, value ? value->dump() : "null", why));
}

int64_t HfConfigReader::integer(std::string_view key, std::optional<int64_t> fallback) const {
  return value_of(find(key), fallback, [](const Json& v) { return v.is_number_integer(); }, key, where_, "an integer");
}

double HfConfigReader::number(std::string_view key, std::optional<double> fallback) const {
  return value_of(find(key), fallback, [](const Json& v) { return v.is_number(); }, key, where_, "a number");
}

bool HfConfigReader::flag(std::string_view key, std::optional<bool> fallback) const {
  return value_of(find(key), fallback, [](const Json& v) { return v.is_boolean(); }, key, where_, "true or false");
}

std::string HfConfigReader::text(std::string_view key, std::optional<std::string> fallback) const {
  return value_of(find(key), fallback, [](const Json& v) { return v.is_string(); }, key, where_, "a string");
}

std::vector<std::string> HfConfigReader::texts(std::string_view key) const {
  const auto is_list = [](const Json& v) {
    return v.is_array() && std::all_of(v.begin(), v.end(), [](const Json& item) { return item.is_string(); });
  };
  return value_of(find(key), std::optional(std::vector<std::string>{}), is_list, key, where_, "a list of strings");
}

std::vector<int64_t> HfConfigReader::integers(std::string_view key) const {
  const Json* value = find(key);
  if (value && value->is_number_integer()) return {value->get<int64_t>()};
  const auto is_list = [](const Json& v) {
    return v.is_array() && std::all_of(v.begin(), v.end(), [](const Json& item) { return item.is_number_integer(); });
  };
  return value_of(value, std::optional(std::vector<int64_t>{}), is_list, key, where_, "an integer or a list of them");
}

size_t HfConfigReader::size_of(std::string_view key) const {
  const Json* value = find(key);
  return value ? value->size() : 0;
}

HfConfigReader HfConfigReader::mapping(std::string_view key) const {
  const Json* value = find(key);
  if (value && !value->is_object()) throw base::UserError(base::kBadUsage, fmt::format("{}: '{}': a mapping was expected", where_, key));
  return HfConfigReader(value ? *value : Json::object(), fmt::format("{}: '{}'", where_, key));
}

void HfConfigReader::refuse_unless(std::string_view key, bool off) const {
  const Json* value = find(key);
  if (value && !(value->is_boolean() && value->get<bool>() == off)) refuse(key, "this feature is not there");
}

std::string HfConfigReader::choice(std::string_view key, const std::vector<std::string>& supported) const {
  const std::string value = text(key, supported.front());
  if (std::find(supported.begin(), supported.end(), value) == supported.end()) {
    refuse(key, fmt::format("there is {}{}", fmt::join(supported, ", "), base::did_you_mean(value, supported)));
  }
  return value;
}

}  // namespace strata::model
