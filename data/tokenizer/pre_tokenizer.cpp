#include "data/tokenizer/pre_tokenizer.h"

#include <fmt/format.h>

#include "data/tokenizer/component.h"
#include "data/tokenizer/split_patterns.h"
#include "data/tokenizer/split_step.h"

namespace strata::data {
namespace {

// In these four `tokenizers` follows Rust's character properties, whose \w has the joiners and no
// fractions.
constexpr std::string_view kRustWords =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\s]+)";
constexpr std::string_view kPunctuation = R"([!-\/:-@\[-`\{-~\p{P}])";

SplitBehavior read_behavior(const Component& component, const std::string& fallback) {
  const std::string name = component.settings.string("behavior", fallback);
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  component.refuse_setting(fmt::format("behavior '{}' is not supported", name));
}

/// Older files say add_prefix_space, newer ones prepend_scheme.
SplitAtSpaceMark::Prepend read_prepend(const Component& component) {
  const bool add_prefix_space = component.settings.boolean("add_prefix_space", true);
  const std::string scheme =
      component.settings.string("prepend_scheme", add_prefix_space ? "always" : "never");
  if (scheme == "always") return SplitAtSpaceMark::Prepend::kAlways;
  if (scheme == "first") return SplitAtSpaceMark::Prepend::kFirst;
  if (scheme == "never") return SplitAtSpaceMark::Prepend::kNever;
  component.refuse_setting(fmt::format("prepend_scheme '{}' is not supported", scheme));
}

}  // namespace

PreTokenizer::PreTokenizer(const base::SortedJsonReader& root) {
  for_each_component(root, "pre_tokenizer", "pretokenizers", [&](const Component& component) {
    const auto& settings = component.settings;
    if (byte_level_) component.refuse_setting("nothing may stand behind ByteLevel");
    const auto split_by = [&](std::string_view pattern, SplitBehavior behavior,
                              bool inverted = false) {
      steps_.push_back(
          std::make_unique<SplitByPattern>(Regex(pattern, settings.source()), behavior, inverted));
    };
    if (component.type == "ByteLevel") {
      byte_level_ = true;
      if (settings.boolean("add_prefix_space", true))
        steps_.push_back(std::make_unique<PrefixSpace>());
      if (settings.boolean("use_regex", true)) split_by(kGpt2Pattern, SplitBehavior::kIsolated);
    } else if (component.type == "Split") {
      split_by(component_pattern(component), read_behavior(component, ""),
               settings.boolean("invert", false));
    } else if (component.type == "Metaspace") {
      steps_.push_back(std::make_unique<SplitAtSpaceMark>(settings.string("replacement"),
                                                          read_prepend(component),
                                                          settings.boolean("split", true)));
    } else if (component.type == "Digits") {
      const bool each_alone = settings.boolean("individual_digits", false);
      split_by("\\p{N}", each_alone ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
    } else if (component.type == "Punctuation") {
      split_by(kPunctuation, read_behavior(component, "Isolated"));
    } else if (component.type == "Whitespace") {
      split_by(kRustWords, SplitBehavior::kRemoved, true);
    } else if (component.type == "WhitespaceSplit") {
      split_by("\\s", SplitBehavior::kRemoved);
    } else {
      component.refuse({"ByteLevel", "Split", "Metaspace", "Digits", "Punctuation", "Whitespace",
                        "WhitespaceSplit", "Sequence"});
    }
  });
}

PreTokenizer::~PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;

void PreTokenizer::split(Pieces& pieces, RegexScratch& scratch) const {
  pieces.spans.clear();
  if (pieces.text.empty()) return;
  pieces.spans.push_back({0, pieces.text.size()});
  for (const auto& step : steps_) step->apply(pieces, scratch);
}

}  // namespace strata::data
