// Fills a config's fields from a YAML tree, strictly: every unknown key, wrong type and value out
// of range is a complaint with its place, and reading goes on. A field whose value is refused keeps
// its default. Knows the tree, not where it came from.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/config_visitor.h"
#include "base/yaml.h"

namespace strata::base {

/// Where each key that is not at its default was given, by dotted key; sections and lists have an
/// entry too.
class Sources {
 public:
  void set(const std::string& key, const Place& place) { places_[key] = place; }
  bool is_set(const std::string& key) const { return places_.contains(key); }
  /// "a.yaml:3:7", "STRATA_RUN__DIR", "command line" or "default".
  std::string text_of(const std::string& key) const;
  /// The place of the key, or of the nearest section around it; a Place with an empty source where
  /// none was given.
  Place nearest(std::string key) const;

 private:
  std::map<std::string, Place> places_;
};

class ConfigReader : public ConfigVisitor<ConfigReader> {
 public:
  /// `known` holds the dotted keys of the whole config (list items without their number), for
  /// suggestions.
  ConfigReader(const YamlNode& root, std::vector<std::string> known, Sources& sources,
               std::vector<Complaint>& complaints);

  /// To be called after the config's fields were visited: complains of unknown keys at the top.
  void finish() { close_level(); }

  template <class T>
  void value(const std::string& path, const char* key, T& value, const char*,
             const Limits& limits) {
    const YamlNode* node = look_up(key, path);
    if (node != nullptr) read(*node, path, value, limits);
  }

 protected:
  bool begin(const char* key, const char* help) override;
  void end() override;
  bool begin_optional(const char* key, const char* help, bool present,
                      const std::function<void()>& create) override;
  void begin_list(const char* key, const char* help, size_t count,
                  const std::function<void(size_t)>& resize) override;
  void begin_item(size_t index) override;
  void end_list() override;

 private:
  /// The mapping being read, or a scalar that stands for the first field of a list item, or
  /// nothing.
  struct Level {
    const YamlNode* node;
    std::set<std::string> known;
  };

  const YamlNode* look_up(const char* key, const std::string& path);
  void open_level(const YamlNode* node, bool scalar_allowed);
  void close_level();
  void complain(const YamlNode& node, const std::string& path, std::string_view why);
  std::string suggestion(const std::string& key, const std::set<std::string>& siblings) const;

  template <class T>
  void read(const YamlNode& node, const std::string& path, T& value, const Limits& limits) {
    const auto parsed = parse_value(node, &value);
    const std::string why = parsed.value ? why_outside(limits, *parsed.value) : parsed.why;
    if (why.empty()) {
      value = *parsed.value;
    } else {
      complain(node, path, why);
    }
  }
  void read(const YamlNode& node, const std::string& path, bool& value, const Limits& limits);
  void read(const YamlNode& node, const std::string& path, TextMap& value, const Limits& limits);
  template <class T>
  void read(const YamlNode& node, const std::string& path, std::vector<T>& values,
            const Limits& limits) {
    const bool one_text = std::is_same_v<T, std::string> && node.kind == YamlNode::Kind::kScalar;
    if (node.kind != YamlNode::Kind::kList && !one_text) {
      return complain(node, path, fmt::format("a list was expected, not {}", node.description()));
    }
    const size_t complaints_before = complaints_.size();
    std::vector<T> taken(one_text ? 1 : node.items.size());
    for (size_t i = 0; i < taken.size(); ++i) {
      read(one_text ? node : node.items[i], path, taken[i], limits);
    }
    if (complaints_.size() == complaints_before) values = std::move(taken);
  }

  std::vector<std::string> known_;
  Sources& sources_;
  std::vector<Complaint>& complaints_;
  std::vector<Level> levels_;
  std::vector<const YamlNode*> lists_;  ///< the lists being read; nullptr for one that is not given
};

}  // namespace strata::base
