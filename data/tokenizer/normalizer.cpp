#include "data/tokenizer/normalizer.h"

#include "data/tokenizer/component.h"
#include "data/tokenizer/unicode_agreement.h"

namespace strata::data {
namespace {

std::string replace_matches(std::string_view text, const Regex& what, std::string_view by,
                            RegexScratch& scratch) {
  std::string shadow, out;
  const std::string_view subject =
      make_class_shadow(text, shadow) ? std::string_view(shadow) : text;
  size_t done = 0;
  TextSpan match;
  for (size_t from = 0; from <= text.size() && what.find(subject, from, match, scratch);) {
    out.append(text.substr(done, match.begin - done)).append(by);
    done = match.end;
    from = after_match(text, match);
  }
  return out.append(text.substr(done));
}

}  // namespace

std::string replace_all(std::string_view text, std::string_view what, std::string_view by) {
  std::string out;
  out.reserve(text.size());
  for (size_t found; (found = text.find(what)) != text.npos;
       text.remove_prefix(found + what.size())) {
    out.append(text.substr(0, found)).append(by);
  }
  return out.append(text);
}

Normalizer::Normalizer(const base::SortedJsonReader& root) {
  for_each_component(root, "normalizer", "normalizers", [&](const Component& component) {
    const auto& settings = component.settings;
    if (component.type == "NFC") {
      steps_.emplace_back(Nfc{});
    } else if (component.type == "Prepend") {
      steps_.emplace_back(Prepend{settings.string("prepend")});
    } else if (component.type == "Replace") {
      const auto pattern = settings.object("pattern");
      const std::string by = settings.string("content");
      if (pattern.has("Regex")) {
        steps_.emplace_back(ReplacePattern{Regex(pattern.string("Regex"), settings.source()), by});
      } else if (const std::string what = pattern.string("String"); !what.empty()) {
        steps_.emplace_back(ReplaceText{what, by});
      } else {
        component.refuse_setting("the pattern is empty");
      }
    } else {
      component.refuse({"NFC", "Prepend", "Replace", "Sequence"});
    }
  });
}

std::string Normalizer::apply(std::string_view text, RegexScratch& scratch) const {
  std::string out(text);
  for (const auto& step : steps_) {
    if (std::holds_alternative<Nfc>(step)) {
      out = to_nfc(out);
    } else if (const auto* prepend = std::get_if<Prepend>(&step)) {
      if (!out.empty()) out.insert(0, prepend->what);
    } else if (const auto* text_step = std::get_if<ReplaceText>(&step)) {
      out = replace_all(out, text_step->what, text_step->by);
    } else {
      const auto& pattern_step = std::get<ReplacePattern>(step);
      out = replace_matches(out, pattern_step.what, pattern_step.by, scratch);
    }
  }
  return out;
}

}  // namespace strata::data
