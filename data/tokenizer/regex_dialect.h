// Carries a pattern from Oniguruma's (Ruby's) dialect, in which tokenizer.json is written, to
// PCRE2's. Only constructs whose meaning is known in both are let through; the rest is refused by
// name rather than guessed.
#pragma once

#include <string>
#include <string_view>

namespace strata::data {

/// The pattern for PCRE2 with UTF and UCP. UserError (kBadUsage), opened by `source`, for a
/// construct that is not carried over.
std::string to_pcre2(std::string_view pattern, std::string_view source);

/// A pattern that matches exactly `text`.
std::string quote_pattern(std::string_view text);

}  // namespace strata::data
