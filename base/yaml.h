// YAML text as a tree that remembers where each value stands. The only door to yaml-cpp, and
// stricter than it: duplicate keys, several documents, tags, merge keys and unbounded aliases are
// complaints. Scalars stay text: what they mean is decided by who asks for them
// (base/config_value.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata::base {

/// Where a value was given: "FILE", line and column (from 1), or a description alone (line 0) such
/// as "command line".
struct Place {
  std::string source;
  int line = 0, column = 0;

  std::string text() const;  ///< "a.yaml:3:7" or "command line"
};

/// One thing wrong with a config, and where.
struct Complaint {
  Place place;
  std::string why;
};

struct YamlEntry;

struct YamlNode {
  enum class Kind : uint8_t { kNothing, kScalar, kList, kMap };
  Kind kind = Kind::kNothing;  ///< kNothing: null, ~, or no value at all
  Place place;
  std::string text;     ///< of a scalar
  bool quoted = false;  ///< a scalar written in quotes or as a block: surely a text
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  ///< in the order of the file

  /// The value under a key of a mapping, or nullptr.
  const YamlNode* find(std::string_view key) const;
  YamlNode* find(std::string_view key);
  /// "nothing", "'text'", "a list", "a mapping": for messages.
  std::string description() const;
};

struct YamlEntry {
  std::string key;
  Place place;  ///< of the key
  YamlNode value;
};

/// Parses one document. Whatever is wrong is added to `complaints`; what could be read is returned.
/// With `fixed_place`, every place is `source` alone: for a value that came from no file.
YamlNode parse_yaml(std::string_view text, const std::string& source, bool fixed_place,
                    std::vector<Complaint>& complaints);

/// Lays `over` on `under`: mappings are merged key by key, anything else replaces. An empty mapping
/// entry ("optimizer:" with nothing below) leaves the mapping under it as it is.
void merge_yaml(YamlNode& under, YamlNode over);

/// A text as a YAML scalar that reads back as the same text: plain where that is safe, in double
/// quotes elsewhere.
std::string yaml_text(std::string_view text);

}  // namespace strata::base
