// One list of fields per config struct serves reading, overriding, dumping, help and the reference
// page. A struct writes its list once:
//   void fields(base::Fields& f) {
//     f("lr", lr, "Peak learning rate.", base::at_least(0));
//     f.section("data", data, "Data.");
//   }
// Who walks the list: config_load.h, config_dump.h, config_help.h. Knows neither YAML nor any
// particular config.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::base {

/// What a value may be. Numbers: [low, high] (open where said). Strings: one of `choices` if there
/// are any.
struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;
  std::vector<std::string> choices = {};
};
Limits at_least(double low);              ///< [low, ...)
Limits above(double low);                 ///< (low, ...)
Limits between(double low, double high);  ///< [low, high]
Limits below_one();                       ///< [0, 1)
Limits one_of(std::vector<std::string> choices);

/// A number that may be left to the program, written `auto`.
using AutoInt = std::optional<int64_t>;

class Fields {
 public:
  virtual ~Fields() = default;
  virtual void operator()(const char* key, bool& value, const char* help) = 0;
  virtual void operator()(const char* key, int64_t& value, const char* help,
                          Limits limits = {}) = 0;
  virtual void operator()(const char* key, AutoInt& value, const char* help,
                          Limits limits = {}) = 0;
  virtual void operator()(const char* key, double& value, const char* help, Limits limits = {}) = 0;
  virtual void operator()(const char* key, std::string& value, const char* help,
                          Limits limits = {}) = 0;
  virtual void operator()(const char* key, std::vector<int64_t>& value, const char* help,
                          Limits limits = {}) = 0;
  virtual void operator()(const char* key, std::vector<double>& value, const char* help,
                          Limits limits = {}) = 0;
  virtual void operator()(const char* key, std::vector<std::string>& value, const char* help,
                          Limits limits = {}) = 0;
  /// A free mapping of names to strings (data.columns).
  virtual void operator()(const char* key, std::vector<std::pair<std::string, std::string>>& value,
                          const char* help) = 0;

  template <class S>
  void section(const char* key, S& section, const char* help) {
    if (begin(key, help)) {
      section.fields(*this);
      end();
    }
  }
  /// A section that may be absent: it is there where its key is given.
  template <class S>
  void section(const char* key, std::optional<S>& section, const char* help) {
    if (begin_optional(key, help, section.has_value(), [&] { section.emplace(); })) {
      section->fields(*this);
      end();
    }
  }
  /// A list of mappings (data.train, rewards). A single mapping is read as a list of one; a plain
  /// scalar as an element whose first field has that value.
  template <class S>
  void list(const char* key, std::vector<S>& items, const char* help) {
    begin_list(key, help, items.size(), [&](size_t n) { items.assign(n, S{}); });
    for (size_t i = 0; i < items.size(); ++i) {
      begin_item(i);
      items[i].fields(*this);
      end();
    }
    end_list();
  }

 protected:
  virtual bool begin(const char* key, const char* help) = 0;
  virtual void end() = 0;
  /// Like begin(); a section to be visited must be there afterwards: `create` makes it.
  virtual bool begin_optional(const char* key, const char* help, bool present,
                              const std::function<void()>& create) = 0;
  virtual void begin_list(const char* key, const char* help, size_t count,
                          const std::function<void(size_t)>& resize) = 0;
  virtual void begin_item(size_t index) = 0;
  virtual void end_list() = 0;
};

/// Problems found after reading, each under the key it belongs to ("parallel.tensor").
class Problems {
 public:
  void add(std::string key, std::string why) { items.push_back({std::move(key), std::move(why)}); }
  struct Item {
    std::string key, why;
  };
  std::vector<Item> items;
};

}  // namespace strata::base
