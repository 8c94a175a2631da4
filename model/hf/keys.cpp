#include "model/hf/keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace strata::model {

std::string choice(const base::JsonReader& there, const std::string& key,
                   const std::vector<std::string>& supported) {
  const std::string value = there.string(key, supported.front());
  if (std::find(supported.begin(), supported.end(), value) == supported.end()) {
    there.refuse(key,
                 fmt::format("is '{}', which is not supported; there is {}{}", value,
                             fmt::join(supported, ", "), base::did_you_mean(value, supported)));
  }
  return value;
}

void refuse_if_on(const base::JsonReader& there, const std::string& key) {
  if (!there.has(key)) return;
  const base::Json& value = there.at(key);
  if (!value.is_boolean() || value.get<bool>())
    there.refuse(key, fmt::format("is {}: this is not supported", value.dump()));
}

bool is_null(const base::JsonReader& there, const std::string& key) {
  const auto it = there.value().find(key);
  return it != there.value().end() && it->is_null();
}

std::vector<int64_t> integers(const base::JsonReader& there, const std::string& key) {
  if (!there.has(key)) return {};
  const base::Json& value = there.at(key);
  if (value.is_number_integer()) return {value.get<int64_t>()};
  const bool fits =
      value.is_array() && std::all_of(value.begin(), value.end(),
                                      [](const base::Json& v) { return v.is_number_integer(); });
  if (!fits)
    there.refuse(key,
                 fmt::format("is {}; an integer or a list of them was expected", value.dump()));
  return value.get<std::vector<int64_t>>();
}

}  // namespace strata::model
