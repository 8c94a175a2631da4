#include "base/config_help.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/config_visitor.h"
#include "base/error.h"

namespace strata::base {
namespace {

std::string type_name(const bool&, const Limits&) { return "true or false"; }
std::string type_name(const int64_t&, const Limits&) { return "whole number"; }
std::string type_name(const AutoInt&, const Limits&) { return "whole number or auto"; }
std::string type_name(const double&, const Limits&) { return "number"; }
std::string type_name(const std::string&, const Limits& limits) {
  return limits.choices.empty() ? "text" : "one of";
}
std::string type_name(const std::vector<int64_t>&, const Limits&) {
  return "list of whole numbers";
}
std::string type_name(const std::vector<double>&, const Limits&) { return "list of numbers"; }
std::string type_name(const std::vector<std::string>&, const Limits& limits) {
  return limits.choices.empty() ? "list of texts" : "list of";
}
std::string type_name(const TextMap&, const Limits&) { return "mapping of names to texts"; }

class FieldLister : public ConfigVisitor<FieldLister> {
 public:
  std::vector<FieldInfo> take() { return std::move(fields_); }

  template <class T>
  void value(const std::string& path, const char*, T& value, const char* help,
             const Limits& limits) {
    fields_.push_back(
        {path, false, type_name(value, limits), write_value(value), describe_limits(limits), help});
  }

 protected:
  bool begin(const char* key, const char* help) override {
    open(key, help, "section");
    return true;
  }
  void end() override {
    if (named_levels_.back()) leave();
    named_levels_.pop_back();
  }
  bool begin_optional(const char* key, const char* help, bool present,
                      const std::function<void()>& create) override {
    if (!present) create();
    open(key, help, "section that may be absent");
    return true;
  }
  void begin_list(const char* key, const char* help, size_t,
                  const std::function<void(size_t)>& resize) override {
    open(key, help, "list of mappings");
    resize(1);
  }
  void begin_item(size_t) override { named_levels_.push_back(false); }
  void end_list() override { end(); }

 private:
  void open(const char* key, const char* help, std::string_view type) {
    fields_.push_back({path_of(key), true, std::string(type), "", "", help});
    enter(key);
    named_levels_.push_back(true);
  }

  std::vector<FieldInfo> fields_;
  std::vector<bool>
      named_levels_;  ///< of the open levels: sections and lists have a name, items none
};

bool is_below(std::string_view key, std::string_view section) {
  return key.size() > section.size() && key.starts_with(section) && key[section.size()] == '.';
}

/// "number, at least 0" or "one of constant | linear".
std::string type_and_range(const FieldInfo& field) {
  if (field.range.empty()) return field.type;
  const bool reads_on = field.type.ends_with("of");
  return field.type + (reads_on ? " " : ", ") + field.range;
}

std::string entry_text(const FieldInfo& field) {
  if (field.is_section) return fmt::format("{}: {} ({})\n", field.key, field.help, field.type);
  return fmt::format("  {} = {}\n      {}\n      {}\n", field.key, field.default_value,
                     type_and_range(field), field.help);
}

/// A bar would end a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string safe;
  for (const char c : text) safe += c == '|' ? std::string("\\|") : std::string(1, c);
  return safe;
}

}  // namespace

std::vector<FieldInfo> list_fields(const VisitFields& visit) {
  FieldLister lister;
  visit(lister);
  return lister.take();
}

std::string help_text(const std::vector<FieldInfo>& fields, std::string_view section) {
  std::string text;
  std::vector<std::string> keys;
  for (const auto& field : fields) {
    keys.push_back(field.key);
    if (section.empty() || field.key == section || is_below(field.key, section))
      text += entry_text(field);
  }
  if (!text.empty()) return text;
  throw UserError(kBadUsage, fmt::format("there is no config section or key '{}'{}", section,
                                         did_you_mean(section, keys)));
}

std::string reference_page(const std::vector<FieldInfo>& fields, std::string_view title) {
  constexpr std::string_view kTableHead =
      "\n| key | type | default | meaning |\n|---|---|---|---|\n";
  std::string page = fmt::format("# {}\n", title);
  bool in_table = false;
  for (const auto& field : fields) {
    if (field.is_section) {
      page += fmt::format("\n## {}\n\n{} ({})\n", field.key, field.help, field.type);
      in_table = false;
      continue;
    }
    if (!std::exchange(in_table, true)) page += kTableHead;
    page += fmt::format("| `{}` | {} | `{}` | {} |\n", field.key, cell(type_and_range(field)),
                        cell(field.default_value), cell(field.help));
  }
  return page;
}

}  // namespace strata::base
