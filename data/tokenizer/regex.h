// A regular expression of a tokenizer file, compiled by PCRE2 to machine code. A compiled
// expression is immutable and may be used by several threads; what a search writes to is the
// thread's own RegexScratch. Patterns are written for Oniguruma, the engine of `tokenizers`: see
// regex_dialect.h for how they are carried over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace strata::data {

struct TextSpan {
  size_t begin, end;
};

/// Where a search goes on after a match: behind it, and one character further if it is empty.
size_t after_match(std::string_view text, TextSpan match);

/// The working memory of searches: one a thread.
class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(RegexScratch&&) noexcept;
  RegexScratch& operator=(RegexScratch&&) noexcept;

 private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state_;
};

/// What a pattern is written for: the tokenizers of Hugging Face, or PCRE2 itself.
enum class RegexDialect : uint8_t { kTokenizers, kPcre2 };

class Regex {
 public:
  /// `source` names the file in messages. UserError (kBadUsage) for a pattern that does not compile
  /// or, of kTokenizers, that the two engines would read differently.
  Regex(std::string_view pattern, std::string_view source,
        RegexDialect dialect = RegexDialect::kTokenizers);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  /// The leftmost match at or after `from` in a valid UTF-8 text; false if there is none. `match`
  /// may be empty.
  bool find(std::string_view text, size_t from, TextSpan& match, RegexScratch& scratch) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace strata::data
