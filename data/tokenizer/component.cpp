#include "data/tokenizer/component.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "data/tokenizer/regex_dialect.h"

namespace strata::data {
namespace {

void visit_components(const base::SortedJson& value, const std::string& source,
                      const std::string& kind, const std::string& list_key,
                      const std::function<void(const Component&)>& use) {
  base::SortedJsonReader settings(value, source, base::kBadUsage);
  std::string type = settings.string("type");
  if (type != "Sequence") {
    use({kind, std::move(type), std::move(settings)});
    return;
  }
  for (const base::SortedJson& part : settings.array(list_key))
    visit_components(part, source, kind, list_key, use);
}

}  // namespace

void Component::refuse(std::initializer_list<std::string_view> supported) const {
  throw base::UserError(base::kBadUsage,
                        fmt::format("{}: {} '{}' is not supported; supported are {}",
                                    settings.source(), kind, type, fmt::join(supported, ", ")));
}

void Component::refuse_setting(std::string_view why) const {
  throw base::UserError(base::kBadUsage,
                        fmt::format("{}: {} '{}': {}", settings.source(), kind, type, why));
}

void for_each_component(const base::SortedJsonReader& root, const std::string& kind,
                        const std::string& list_key,
                        const std::function<void(const Component&)>& use) {
  if (root.has(kind)) visit_components(root.at(kind), root.source(), kind, list_key, use);
}

std::string component_pattern(const Component& component) {
  const auto pattern = component.settings.object("pattern");
  return pattern.has("Regex") ? pattern.string("Regex") : quote_pattern(pattern.string("String"));
}

}  // namespace strata::data
