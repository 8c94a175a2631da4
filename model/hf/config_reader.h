// A config.json being read, with errors that name the file and the key. Knows JSON; knows no architecture.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::model {

/// All getters: UserError (kBadUsage) where the value has the wrong type, or where there is no value and no fallback. null counts as absent.
class HfConfigReader {
 public:
  explicit HfConfigReader(const std::filesystem::path& file);  ///< UserError where it is missing or is not a JSON object
  HfConfigReader(const nlohmann::ordered_json& json, std::string where);
  ~HfConfigReader();

  bool has(std::string_view key) const;
  bool is_null(std::string_view key) const;  ///< written as null
  int64_t integer(std::string_view key, std::optional<int64_t> fallback = {}) const;
  double number(std::string_view key, std::optional<double> fallback = {}) const;
  bool flag(std::string_view key, std::optional<bool> fallback = {}) const;
  std::string text(std::string_view key, std::optional<std::string> fallback = {}) const;
  std::vector<std::string> texts(std::string_view key) const;     ///< a list of strings; absent: empty
  std::vector<int64_t> integers(std::string_view key) const;      ///< one or several; absent: empty
  size_t size_of(std::string_view key) const;                     ///< of a mapping; absent: 0
  HfConfigReader mapping(std::string_view key) const;             ///< absent: empty

  /// Refuses a feature that is switched on: absent, null or `off` pass, anything else is a UserError that names key and value.
  void refuse_unless(std::string_view key, bool off) const;
  /// The value must be one of these; absent passes as `fallback`, the first.
  std::string choice(std::string_view key, const std::vector<std::string>& supported) const;
  [[noreturn]] void refuse(std::string_view key, std::string_view why) const;

  const std::string& where() const { return where_; }

 private:
  const nlohmann::ordered_json* find(std::string_view key) const;

  std::string where_;
  std::unique_ptr<nlohmann::ordered_json> json_;
};

}  // namespace strata::model
