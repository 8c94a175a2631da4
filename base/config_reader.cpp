#include "base/config_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace strata::base {
namespace {

using Kind = YamlNode::Kind;

std::string_view last_part(std::string_view dotted) { return dotted.substr(dotted.rfind('.') + 1); }

}  // namespace

std::string Sources::text_of(const std::string& key) const {
  const auto found = places_.find(key);
  return found == places_.end() ? "default" : found->second.text();
}

Place Sources::nearest(std::string key) const {
  while (true) {
    const auto found = places_.find(key);
    if (found != places_.end()) return found->second;
    const size_t dot = key.rfind('.');
    if (dot == key.npos) return {};
    key.resize(dot);
  }
}

ConfigReader::ConfigReader(const YamlNode& root, std::vector<std::string> known, Sources& sources,
                           std::vector<Complaint>& complaints)
    : known_(std::move(known)), sources_(sources), complaints_(complaints) {
  open_level(&root, false);
}

const YamlNode* ConfigReader::look_up(const char* key, const std::string& path) {
  Level& level = levels_.back();
  const bool first = level.known.empty();
  level.known.insert(key);
  if (level.node == nullptr) return nullptr;
  if (level.node->kind == Kind::kScalar) return first ? level.node : nullptr;
  for (const auto& entry : level.node->entries) {
    if (entry.key != key) continue;
    sources_.set(path, entry.place);
    return &entry.value;
  }
  return nullptr;
}

/// A level that is not a mapping is complained of once and then read as if absent.
void ConfigReader::open_level(const YamlNode* node, bool scalar_allowed) {
  if (node != nullptr && node->kind != Kind::kMap &&
      !(scalar_allowed && node->kind == Kind::kScalar)) {
    if (node->kind != Kind::kNothing) {
      complain(*node, path(), fmt::format("a mapping was expected, not {}", node->description()));
    }
    node = nullptr;
  }
  levels_.push_back({node, {}});
}

void ConfigReader::close_level() {
  const Level level = std::move(levels_.back());
  levels_.pop_back();
  if (level.node == nullptr || level.node->kind != Kind::kMap) return;
  for (const auto& entry : level.node->entries) {
    if (level.known.contains(entry.key)) continue;
    complaints_.push_back({entry.place, fmt::format("unknown key '{}'{}", path_of(entry.key),
                                                    suggestion(entry.key, level.known))});
  }
}

void ConfigReader::complain(const YamlNode& node, const std::string& path, std::string_view why) {
  complaints_.push_back(
      {node.place, path.empty() ? std::string(why) : fmt::format("{}: {}", path, why)});
}

/// What was meant: the same name in another section, else the nearest name here, else the nearest
/// anywhere.
std::string ConfigReader::suggestion(const std::string& key,
                                     const std::set<std::string>& siblings) const {
  std::vector<std::string> names;
  for (const auto& known : known_) {
    if (last_part(known) == key) return fmt::format(" (did you mean '{}'?)", known);
    names.emplace_back(last_part(known));
  }
  const std::string here = nearest_name(key, {siblings.begin(), siblings.end()});
  if (!here.empty()) return fmt::format(" (did you mean '{}'?)", path_of(here));
  const std::string anywhere = nearest_name(key, names);
  if (anywhere.empty()) return fmt::format("; known here: {}", fmt::join(siblings, ", "));
  const auto found = std::ranges::find(names, anywhere) - names.begin();
  return fmt::format(" (did you mean '{}'?)", known_[static_cast<size_t>(found)]);
}

bool ConfigReader::begin(const char* key, const char*) {
  const YamlNode* node = look_up(key, path_of(key));
  enter(key);
  open_level(node, false);
  return true;
}

void ConfigReader::end() {
  close_level();
  leave();
}

bool ConfigReader::begin_optional(const char* key, const char* help, bool present,
                                  const std::function<void()>& create) {
  const Level& level = levels_.back();
  const YamlNode* node = level.node == nullptr ? nullptr : level.node->find(key);
  const bool given = node != nullptr && node->kind != Kind::kNothing;
  if (given && !present) create();
  if (given || present) return begin(key, help);
  look_up(key, path_of(key));
  return false;
}

void ConfigReader::begin_list(const char* key, const char*, size_t,
                              const std::function<void(size_t)>& resize) {
  const YamlNode* node = look_up(key, path_of(key));
  if (node != nullptr && node->kind == Kind::kNothing) node = nullptr;
  if (node != nullptr) resize(node->kind == Kind::kList ? node->items.size() : 1);
  lists_.push_back(node);
  enter(key);
}

void ConfigReader::begin_item(size_t index) {
  const YamlNode* list = lists_.back();
  enter(std::to_string(index));
  const YamlNode* item = list != nullptr && list->kind == Kind::kList ? &list->items[index] : list;
  if (item != nullptr) sources_.set(path(), item->place);
  open_level(item, true);
}

void ConfigReader::end_list() {
  lists_.pop_back();
  leave();
}

void ConfigReader::read(const YamlNode& node, const std::string& path, bool& value, const Limits&) {
  const auto parsed = parse_value(node, &value);
  if (!parsed.value) return complain(node, path, parsed.why);
  value = *parsed.value;
}

void ConfigReader::read(const YamlNode& node, const std::string& path, TextMap& value,
                        const Limits&) {
  if (node.kind == Kind::kNothing) return;
  if (node.kind != Kind::kMap) {
    return complain(node, path, fmt::format("a mapping was expected, not {}", node.description()));
  }
  TextMap taken;
  for (const auto& entry : node.entries) {
    const auto parsed = parse_value(entry.value, static_cast<const std::string*>(nullptr));
    if (!parsed.value) complain(entry.value, fmt::format("{}.{}", path, entry.key), parsed.why);
    taken.emplace_back(entry.key, parsed.value.value_or(""));
  }
  value = std::move(taken);
}

}  // namespace strata::base
