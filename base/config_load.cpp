#include "base/config_load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include "base/error.h"
#include "base/yaml.h"

namespace strata::base {
namespace {

using Kind = YamlNode::Kind;
using Complaints = std::vector<Complaint>;

constexpr std::string_view kBaseKey = "base", kEnvironmentPrefix = "STRATA_";

void complain(Complaints& complaints, Place place, std::string why) {
  complaints.push_back({std::move(place), std::move(why)});
}

[[noreturn]] void refuse_all(Complaints complaints) {
  std::ranges::stable_sort(complaints, {}, [](const Complaint& c) {
    return std::tuple(c.place.source, c.place.line, c.place.column);
  });
  std::vector<std::string> lines;
  for (const auto& complaint : complaints) {
    lines.push_back(complaint.place.source.empty()
                        ? complaint.why
                        : fmt::format("{}: {}", complaint.place.text(), complaint.why));
  }
  throw UserError(kBadUsage, fmt::format("{}", fmt::join(lines, "\n")));
}

/// Takes `base: FILE` out of a mapping.
std::optional<YamlNode> take_base(YamlNode& root) {
  const auto found = std::ranges::find(root.entries, kBaseKey, &YamlEntry::key);
  if (found == root.entries.end()) return std::nullopt;
  YamlNode base = std::move(found->value);
  root.entries.erase(found);
  return base;
}

/// A file laid on the file it inherits from, and so on down. `chain` holds the files on the way
/// here.
YamlNode load_file(const fs::path& file, std::vector<fs::path> chain, Complaints& complaints) {
  YamlNode root = parse_yaml(read_file(file, kBadUsage), file.string(), false, complaints);
  const std::optional<YamlNode> base = take_base(root);
  if (!base) return root;
  if (base->kind != Kind::kScalar) {
    complain(complaints, base->place,
             fmt::format("base: a file name was expected, not {}", base->description()));
    return root;
  }
  chain.push_back(fs::weakly_canonical(file));
  const fs::path base_file = file.parent_path() / base->text;
  if (std::ranges::find(chain, fs::weakly_canonical(base_file)) != chain.end()) {
    complain(complaints, base->place,
             fmt::format("base: {} inherits from itself", base_file.string()));
    return root;
  }
  std::error_code ignored;
  if (!fs::is_regular_file(base_file, ignored)) {
    complain(complaints, base->place, fmt::format("base: there is no file {}", base_file.string()));
    return root;
  }
  YamlNode merged = load_file(base_file, std::move(chain), complaints);
  merge_yaml(merged, std::move(root));
  return merged;
}

std::optional<size_t> as_index(std::string_view text) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return index;
}

/// The node at a dotted key, made where it is not there; nullptr where a list has no such item.
YamlNode* reach(YamlNode& root, std::string_view dotted, const Place& place) {
  YamlNode* node = &root;
  for (size_t begin = 0; begin <= dotted.size();) {
    const size_t end = std::min(dotted.find('.', begin), dotted.size());
    const std::string part(dotted.substr(begin, end - begin));
    begin = end + 1;
    if (node->kind == Kind::kList) {
      const auto index = as_index(part);
      if (!index || *index >= node->items.size()) return nullptr;
      node = &node->items[*index];
      continue;
    }
    if (node->kind != Kind::kMap) {
      *node = YamlNode();
      node->kind = Kind::kMap;
      node->place = place;
    }
    auto found = std::ranges::find(node->entries, part, &YamlEntry::key);
    if (found == node->entries.end())
      found = node->entries.insert(found, YamlEntry{part, place, {}});
    if (begin > dotted.size()) found->place = place;
    node = &found->value;
  }
  return node;
}

/// Lays a value on what stands at a dotted key.
void put(YamlNode& root, std::string_view dotted, std::string_view text, const std::string& source,
         Complaints& complaints) {
  const size_t before = complaints.size();
  YamlNode value = parse_yaml(text, source, true, complaints);
  if (complaints.size() > before) return;
  YamlNode* node = reach(root, dotted, {source});
  if (node == nullptr) {
    complain(complaints, {source}, fmt::format("the list has no item '{}'", dotted));
    return;
  }
  merge_yaml(*node, std::move(value));
}

/// STRATA_OPTIMIZER__MIN_LR for optimizer.min_lr.
std::string environment_name(std::string_view dotted) {
  std::string name(kEnvironmentPrefix);
  for (const char c : dotted) {
    if (c == '.') {
      name += "__";
    } else {
      name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  return name;
}

void apply_environment(const ConfigInput& input, const std::vector<FieldInfo>& known,
                       YamlNode& root, Complaints& complaints) {
  for (const auto& field : known) {
    if (field.key.find('.') == field.key.npos) continue;  // only SECTION__KEY spells a key
    const std::string name = environment_name(field.key);
    for (const auto& [variable, text] : input.environment) {
      if (variable == name) put(root, field.key, text, name, complaints);
    }
  }
}

void apply_overrides(const ConfigInput& input, YamlNode& root, Complaints& complaints) {
  for (const auto& override_text : input.overrides) {
    const size_t equals = override_text.find('=');
    if (equals == override_text.npos || equals == 0) {
      complain(complaints, {"command line"},
               fmt::format("'{}' is not of the form section.key=value", override_text));
      continue;
    }
    const std::string_view all = override_text;
    put(root, all.substr(0, equals), all.substr(equals + 1), "command line", complaints);
  }
}

std::vector<std::string> keys_of(const std::vector<FieldInfo>& fields) {
  std::vector<std::string> keys;
  for (const auto& field : fields) keys.push_back(field.key);
  return keys;
}

/// Puts what the config's own check found where the key was given, or beside the file where it is a
/// default. A key that could not be read is not complained of twice.
void place_problems(const Problems& problems, const Sources& sources, const ConfigInput& input,
                    Complaints& complaints) {
  for (const auto& [key, why] : problems.items) {
    Place place = sources.nearest(key);
    if (place.source.empty()) place.source = input.file.string();
    const bool known = std::ranges::any_of(
        complaints, [&, key = std::string_view(key)](const Complaint& complaint) {
          return complaint.why.starts_with(fmt::format("{}: ", key));
        });
    if (!known) complain(complaints, place, fmt::format("{}: {}", key, why));
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ConfigInput::strata_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (!text.starts_with(kEnvironmentPrefix) || equals == text.npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

Sources load_fields(const ConfigInput& input, const std::vector<FieldInfo>& known,
                    const VisitFields& visit, const std::function<void(Problems&)>& check) {
  // 1. One tree of all that was given, later layers over earlier ones.
  Complaints complaints;
  YamlNode root;
  if (!input.file.empty()) root = load_file(input.file, {}, complaints);
  if (!complaints.empty() && root.kind == Kind::kNothing)
    refuse_all(complaints);  // nothing could be read
  apply_environment(input, known, root, complaints);
  apply_overrides(input, root, complaints);

  // 2. The fields take their values from it.
  Sources sources;
  ConfigReader reader(root, keys_of(known), sources, complaints);
  visit(reader);
  reader.finish();

  // 3. The config judges itself as a whole.
  Problems problems;
  check(problems);
  place_problems(problems, sources, input, complaints);
  if (!complaints.empty()) refuse_all(std::move(complaints));
  return sources;
}

}  // namespace strata::base
