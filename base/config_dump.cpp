#include "base/config_dump.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/config_visitor.h"
#include "base/error.h"
#include "base/yaml.h"

namespace strata::base {
namespace {

constexpr const char* kAbsent = "(absent)";

class ConfigDumper : public ConfigVisitor<ConfigDumper> {
 public:
  explicit ConfigDumper(const Sources* sources) : sources_(sources) {}

  std::string take() { return std::move(text_); }

  template <class T>
  void value(const std::string& path, const char* key, T& value, const char*, const Limits&) {
    line(fmt::format("{}: {}", key, write_value(value)), path);
  }

 protected:
  bool begin(const char* key, const char*) override {
    line(fmt::format("{}:", key), "");
    enter(key);
    ++depth_;
    return true;
  }
  void end() override {
    --depth_;
    leave();
  }
  bool begin_optional(const char* key, const char* help, bool present,
                      const std::function<void()>&) override {
    return present && begin(key, help);
  }
  void begin_list(const char* key, const char*, size_t count,
                  const std::function<void(size_t)>&) override {
    line(count == 0 ? fmt::format("{}: []", key) : fmt::format("{}:", key),
         count == 0 ? path_of(key) : "");
    enter(key);
    ++depth_;
  }
  void begin_item(size_t index) override {
    enter(std::to_string(index));
    ++depth_;
    at_dash_ = true;
  }
  void end_list() override {
    --depth_;
    leave();
  }

 private:
  /// One line; the first of a list item begins with a dash. `path` names the value, or is empty for
  /// a heading.
  void line(std::string_view content, const std::string& path) {
    const size_t indent = 2 * depth_;
    std::string written = at_dash_ ? std::string(indent - 2, ' ') + "- " : std::string(indent, ' ');
    at_dash_ = false;
    written += content;
    if (sources_ != nullptr && !path.empty()) {
      written = fmt::format("{:<40}  # {}", written, sources_->text_of(path));
    }
    text_ += written + "\n";
  }

  const Sources* sources_;
  std::string text_;
  size_t depth_ = 0;
  bool at_dash_ = false;
};

using FlatConfig = std::vector<std::pair<std::string, std::string>>;

std::string leaf_text(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kNothing) return "";
  if (node.kind == YamlNode::Kind::kScalar) return node.text;
  std::vector<std::string> items;
  for (const auto& item : node.items) items.push_back(leaf_text(item));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

void flatten(const YamlNode& node, const std::string& path, FlatConfig& flat) {
  const auto below = [&](std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  };
  const bool has_mappings = std::ranges::any_of(
      node.items, [](const YamlNode& item) { return item.kind == YamlNode::Kind::kMap; });
  if (node.kind == YamlNode::Kind::kMap) {
    for (const auto& entry : node.entries) flatten(entry.value, below(entry.key), flat);
  } else if (has_mappings) {
    for (size_t i = 0; i < node.items.size(); ++i)
      flatten(node.items[i], below(std::to_string(i)), flat);
  } else {
    flat.emplace_back(path, leaf_text(node));
  }
}

FlatConfig parse_flat(std::string_view text, const std::string& name) {
  std::vector<Complaint> complaints;
  const YamlNode root = parse_yaml(text, name, false, complaints);
  if (!complaints.empty()) {
    throw UserError(kBadUsage,
                    fmt::format("{}: {}", complaints[0].place.text(), complaints[0].why));
  }
  FlatConfig flat;
  if (root.kind == YamlNode::Kind::kMap) flatten(root, "", flat);
  return flat;
}

const std::string* value_in(const FlatConfig& flat, const std::string& key) {
  const auto found = std::ranges::find(flat, key, &FlatConfig::value_type::first);
  return found == flat.end() ? nullptr : &found->second;
}

}  // namespace

std::string dump_fields(const VisitFields& visit, const Sources* sources) {
  ConfigDumper dumper(sources);
  visit(dumper);
  return dumper.take();
}

std::vector<ConfigChange> compare_dumps(std::string_view before, const std::string& before_name,
                                        std::string_view after, const std::string& after_name) {
  const FlatConfig old_values = parse_flat(before, before_name),
                   new_values = parse_flat(after, after_name);
  std::vector<ConfigChange> changes;
  for (const auto& [key, value] : new_values) {
    const std::string* old_value = value_in(old_values, key);
    if (old_value == nullptr || *old_value != value)
      changes.push_back({key, old_value ? *old_value : kAbsent, value});
  }
  for (const auto& [key, value] : old_values) {
    if (value_in(new_values, key) == nullptr) changes.push_back({key, value, kAbsent});
  }
  return changes;
}

}  // namespace strata::base
