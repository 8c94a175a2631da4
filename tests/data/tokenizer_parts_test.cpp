// The parts of a tokenizer alone: patterns from Oniguruma's dialect to PCRE2's, merging, UTF-8
// units, the byte alphabet, NFC of Unicode 9.
#include <gtest/gtest.h>

#include <random>

#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/merge_word.h"
#include "data/tokenizer/regex.h"
#include "data/tokenizer/regex_dialect.h"
#include "data/tokenizer/split_patterns.h"
#include "data/tokenizer/unicode_agreement.h"
#include "data/tokenizer/utf8.h"
#include "tests/support/expect_error.h"

namespace strata::data {
namespace {

using tests::expect_user_error;

std::string translated(std::string_view pattern) { return to_pcre2(pattern, "tokenizer.json"); }

TEST(RegexDialect, LeavesTheKnownPatternsAsTheyAre) {
  for (const std::string& name : split_pattern_names())
    EXPECT_EQ(translated(split_pattern(name)), split_pattern(name));
  EXPECT_EQ(translated(R"([^\r\n\p{L}]?+\p{L}++|\p{^L}{1,3}|(?>a|b)(?<=c)(?<!d)x*?)"),
            R"([^\r\n\p{L}]?+\p{L}++|\P{L}{1,3}|(?>a|b)(?<=c)(?<!d)x*?)");
}

TEST(RegexDialect, WritesAnewWhatTheEnginesSpellDifferently) {
  EXPECT_EQ(translated("."), "[^\\n]");
  EXPECT_EQ(translated("\\u4e00-\\x{9fa5}\\x41"), "\\x{4e00}-\\x{9fa5}\\x{41}");
  EXPECT_EQ(translated("\\p{Han}"), "\\p{sc:Han}");
}

TEST(RegexDialect, RefusesByNameWhatTheEnginesReadDifferently) {
  const std::pair<const char*, const char*> cases[] = {
      {"[a-z&&[^b]]", "&&"}, {"[[:alpha:]]", "[ inside [ ]"},
      {"^a", "^"},           {"a$", "$"},
      {"\\bword", "\\b"},    {"\\h+", "\\h"},
      {"a{2}+", "}+"},       {"a{2}?", "}?"},
      {"a{,3}", "{,"},       {"(?m:.)", "(?m"},
      {"(?<name>a)", "(?<"}, {"\\1", "\\1"},
      {"[\\W]", "\\W"},      {"\\xE9", "\\xE9"},
      {"a(?i)b", "(?i)"},    {"[abc", "[ without ]"}};
  for (const auto& [pattern, construct] : cases) {
    expect_user_error(base::kBadUsage, {"tokenizer.json", pattern, "'" + std::string(construct)},
                      [&] { translated(pattern); });
  }
}

TEST(RegexDialect, QuotesAnyText) {
  for (const std::string text : {"a.b*c[d]e{1}", " ", "\n\t\x01", "é▁\\", "|^$()?+-#"}) {
    RegexScratch scratch;
    TextSpan match;
    ASSERT_TRUE(Regex(quote_pattern(text), "t").find("x" + text + "y", 0, match, scratch)) << text;
    EXPECT_EQ(match.begin, 1u);
    EXPECT_EQ(match.end, 1 + text.size());
  }
}

TEST(Regex, SaysWhatDoesNotCompile) {
  expect_user_error(base::kBadUsage, {"here: the pattern '(a' does not compile"},
                    [] { Regex("(a", "here"); });
}

/// The definition, step by step: the merge of the lowest rank, leftmost first.
void merge_naively(std::vector<int32_t>& ids, const PairTable& merges) {
  for (;;) {
    Merge first;
    size_t at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const Merge merge = merges.find(ids[i], ids[i + 1]);
      if (merge.rank >= first.rank) continue;
      first = merge;
      at = i;
    }
    if (first.rank == Merge::kNone) return;
    ids[at] = first.id;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
}

TEST(MergeWord, DoesWhatTheDefinitionSaysForShortAndLongWords) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    PairTable merges;
    const int32_t letters = 2 + round % 3;
    for (int32_t id = letters; id < letters + 30; ++id) {
      merges.set(static_cast<int32_t>(random() % id), static_cast<int32_t>(random() % id),
                 {static_cast<uint32_t>(id), id});
    }
    std::vector<int32_t> ids(1 + random() % 300);
    for (int32_t& id : ids) id = static_cast<int32_t>(random() % letters);
    std::vector<int32_t> expected = ids;
    merge_naively(expected, merges);
    merge_word(ids, merges);
    EXPECT_EQ(ids, expected);
  }
}

TEST(Utf8, TellsCharactersFromBadAndCutBytes) {
  EXPECT_TRUE(is_utf8("aé▁\U0001F44D\x7f"));
  for (const char* bad :
       {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "a\x80"})
    EXPECT_FALSE(is_utf8(bad));
  EXPECT_EQ(utf8_unit("\xf0\x9f\x91", 0).kind, Utf8Unit::kCut);
  EXPECT_EQ(utf8_unit("\xf0\x9f\x91", 0).length, 3);
  EXPECT_EQ(replace_bad_utf8("a\xf0\x9f\x91z\xe2\x82"), "a\ufffdz\ufffd");
  for (const char32_t code_point : {0x41, 0xE9, 0x7FF, 0x800, 0xFFFD, 0x10000, 0x10FFFF}) {
    std::string text;
    append_code_point(text, code_point);
    size_t at = 0;
    EXPECT_EQ(next_code_point(text, at), code_point);
    EXPECT_EQ(at, text.size());
  }
}

TEST(ByteAlphabet, GoesThereAndBack) {
  EXPECT_EQ(to_byte_symbols(" a\n\xff"), "ĠaĊÿ");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(from_byte_symbols(to_byte_symbols(all)), all);
  EXPECT_EQ(from_byte_symbols("a b"), std::nullopt);
  EXPECT_EQ(from_byte_symbols("▁"), std::nullopt);
}

TEST(UnicodeAgreement, ComposesAndKeepsNewMarksInPlace) {
  EXPECT_EQ(to_nfc("e\u0301 A\u030a \u1112\u1161\u11ab"), "é Å 한");
  EXPECT_EQ(to_nfc("a\u0898\u0323"),
            "a\u0898\u0323");  // U+0898 came with Unicode 14: it stays between
}

TEST(UnicodeAgreement, StandsInForNewCharactersByteForByte) {
  std::string shadow;
  EXPECT_FALSE(make_class_shadow("plain é ▁ \U0001F44D", shadow));
  ASSERT_TRUE(make_class_shadow("a\u1c89b\U00031350c\u180e", shadow));
  EXPECT_EQ(shadow, "a\u1e00b\U00020000c\u2060");
}

}  // namespace
}  // namespace strata::data
