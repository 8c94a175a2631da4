#include "data/tokenizer/post_processor.h"

#include <nlohmann/json.hpp>

#include "data/tokenizer/component.h"

namespace strata::data {
namespace {

/// "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], with the ids in
/// "special_tokens".
SurroundingTokens read_template(const Component& component) {
  SurroundingTokens tokens;
  const auto& settings = component.settings;
  bool text_seen = false;
  for (const base::SortedJson& part : settings.array("single")) {
    const base::SortedJsonReader reader(part, settings.source(), base::kBadUsage);
    if (reader.has("Sequence")) {
      if (text_seen) component.refuse_setting("the text stands twice in it");
      text_seen = true;
      continue;
    }
    const std::string name = reader.object("SpecialToken").string("id");
    for (const base::SortedJson& id : settings.object("special_tokens").object(name).array("ids")) {
      if (!id.is_number_unsigned()) component.refuse_setting("a token id is no number");
      (text_seen ? tokens.behind : tokens.before).push_back(id.get<int32_t>());
    }
  }
  if (!text_seen) component.refuse_setting("the text does not stand in it");
  return tokens;
}

}  // namespace

SurroundingTokens read_post_processor(const base::SortedJsonReader& root) {
  SurroundingTokens all;
  for_each_component(root, "post_processor", "processors", [&](const Component& component) {
    if (component.type == "ByteLevel") return;
    if (component.type != "TemplateProcessing")
      component.refuse({"TemplateProcessing", "ByteLevel", "Sequence"});
    const SurroundingTokens tokens = read_template(component);
    all.before.insert(all.before.begin(), tokens.before.begin(), tokens.before.end());
    all.behind.insert(all.behind.end(), tokens.behind.begin(), tokens.behind.end());
  });
  return all;
}

}  // namespace strata::data
