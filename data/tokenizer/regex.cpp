#include "data/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <string>

#include "base/error.h"
#include "data/tokenizer/regex_dialect.h"

namespace strata::data {
namespace {

// Long runs that backtrack need more than the 32 KiB that PCRE2 takes from the machine's stack.
constexpr size_t kJitStackStart = 32 << 10, kJitStackLimit = 64 << 20;

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

size_t after_match(std::string_view text, TextSpan match) {
  if (match.begin < match.end) return match.end;
  size_t at = match.end + 1;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

struct RegexScratch::State {
  pcre2_match_data* match = pcre2_match_data_create(1, nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(kJitStackStart, kJitStackLimit, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);

  State() {
    if (match == nullptr || stack == nullptr || context == nullptr) throw std::bad_alloc();
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
    pcre2_match_data_free(match);
  }
};

RegexScratch::RegexScratch() : state_(std::make_unique<State>()) {}
RegexScratch::~RegexScratch() = default;
RegexScratch::RegexScratch(RegexScratch&&) noexcept = default;
RegexScratch& RegexScratch::operator=(RegexScratch&&) noexcept = default;

struct Regex::Code {
  pcre2_code* code = nullptr;
  bool jit = false;

  Code() = default;
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free(code); }
};

Regex::Regex(std::string_view pattern, std::string_view source, RegexDialect dialect)
    : code_(std::make_unique<Code>()) {
  const std::string translated =
      dialect == RegexDialect::kPcre2 ? std::string(pattern) : to_pcre2(pattern, source);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  if (code_->code == nullptr) {
    throw base::UserError(base::kBadUsage,
                          fmt::format("{}: the pattern '{}' does not compile: {} (at '{}')", source,
                                      pattern, pcre2_message(error), translated.substr(offset)));
  }
  code_->jit = pcre2_jit_compile(code_->code, PCRE2_JIT_COMPLETE) ==
               0;  // else the interpreter does the same, slower
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

bool Regex::find(std::string_view text, size_t from, TextSpan& match, RegexScratch& scratch) const {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  RegexScratch::State& state = *scratch.state_;
  const auto run = code_->jit ? pcre2_jit_match : pcre2_match;
  const int found =
      run(code_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, state.match, state.context);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) {
    throw base::UserError(
        base::kBadData,
        fmt::format("a text is too much for the tokenizer's pattern: {}", pcre2_message(found)));
  }
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(state.match);
  match = {ends[0], ends[1]};
  return true;
}

}  // namespace strata::data
