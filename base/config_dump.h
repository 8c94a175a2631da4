// A config as YAML that loads back to the same config, and what differs between two such texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/config_help.h"
#include "base/config_reader.h"

namespace strata::base {

/// The effective config. With `sources`, every value has a comment that says where it was given.
std::string dump_fields(const VisitFields& visit, const Sources* sources = nullptr);

template <class Config>
std::string dump_config(const Config& config, const Sources* sources = nullptr) {
  Config copy = config;  // fields() takes references that a dump only reads
  return dump_fields([&](Fields& f) { copy.fields(f); }, sources);
}

/// One key whose value differs; "(absent)" on the side that lacks it. Keys of list items carry
/// their number.
struct ConfigChange {
  std::string key, before, after;
};

/// Every dotted key whose value differs between two dumps, in the order of `after`. UserError
/// (kBadUsage) where one is not valid YAML; `before_name` and `after_name` say in messages whose it
/// is.
std::vector<ConfigChange> compare_dumps(std::string_view before, const std::string& before_name,
                                        std::string_view after, const std::string& after_name);

}  // namespace strata::base
