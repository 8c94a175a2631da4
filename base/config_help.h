// What a config's fields are: a list to search, help for the terminal, and the reference page.
// All of it is read off the fields themselves, so it cannot be out of date.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace strata::base {

/// Visits a config's fields, as [&](Fields& f) { config.fields(f); } does.
using VisitFields = std::function<void(Fields&)>;

struct FieldInfo {
  std::string key;            ///< dotted; of a list's items without number: "data.train.path"
  bool is_section = false;    ///< a section or a list of mappings: has keys below it
  std::string type;           ///< "whole number", "list of mappings", ...
  std::string default_value;  ///< as YAML; empty for sections
  std::string range;          ///< "at least 0", "cosine | linear" or empty
  std::string help;
};

/// Every key, sections before what is in them. Visits a config that is thrown away: lists get one
/// item, optional sections are made.
std::vector<FieldInfo> list_fields(const VisitFields& visit);

/// Help for the terminal on everything, on one section or on one key. UserError (kBadUsage) for an
/// unknown one.
std::string help_text(const std::vector<FieldInfo>& fields, std::string_view section = "");

/// The reference page: a heading and a table for each section.
std::string reference_page(const std::vector<FieldInfo>& fields, std::string_view title);

/// The fields of a default-made Config.
template <class Config>
std::vector<FieldInfo> fields_of() {
  Config config;
  return list_fields([&](Fields& f) { config.fields(f); });
}

}  // namespace strata::base
