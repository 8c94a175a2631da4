// The parts of a tokenizer.json (normalizer, pre_tokenizer, post_processor, decoder): JSON objects
// with a `type`, or Sequences of such. Goes through them in order and refuses by name what is not
// supported.
#pragma once

#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/json.h"

namespace strata::data {

/// One part: its type and the reader of its settings.
struct Component {
  std::string kind;  ///< "normalizer", "pre_tokenizer", ...
  std::string type;  ///< "NFC", "ByteLevel", ...
  base::SortedJsonReader settings;

  /// UserError (kBadUsage): "FILE: pre_tokenizer 'X' is not supported; supported are ...".
  [[noreturn]] void refuse(std::initializer_list<std::string_view> supported) const;
  /// UserError (kBadUsage): "FILE: pre_tokenizer 'X': WHY".
  [[noreturn]] void refuse_setting(std::string_view why) const;
};

/// Calls `use` for the parts of `root[kind]` in order, Sequences flattened; a null or missing entry
/// has none. `list_key` is where a Sequence of this kind keeps its parts ("pretokenizers").
void for_each_component(const base::SortedJsonReader& root, const std::string& kind,
                        const std::string& list_key,
                        const std::function<void(const Component&)>& use);

/// A Split's or Replace's pattern, {"String": "..."} or {"Regex": "..."}, as a regular expression.
std::string component_pattern(const Component& component);

}  // namespace strata::data
