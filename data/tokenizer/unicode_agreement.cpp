#include "data/tokenizer/unicode_agreement.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "data/tokenizer/utf8.h"

namespace strata::data {
namespace {

/// General categories; kHan is a letter (Lo) of the Han script.
enum CharacterClass : uint8_t {
  kLu,
  kLl,
  kLm,
  kLo,
  kHan,
  kMn,
  kMc,
  kNd,
  kNo,
  kPd,
  kPo,
  kSm,
  kSo,
  kCf
};

struct ClassRange {
  char32_t first, last;
  CharacterClass character_class;
};

/// Characters of Unicode 15 to 16, those whose category changed since 14, and U+180E, which PCRE2
/// counts as a space. Every one takes three or four bytes.
constexpr ClassRange kClassRanges[] = {
    {0x897, 0x897, kMn},      {0xCF3, 0xCF3, kMc},      {0xECE, 0xECE, kMn},
    {0x180E, 0x180E, kCf},    {0x1B4E, 0x1B4F, kPo},    {0x1B7F, 0x1B7F, kPo},
    {0x1C89, 0x1C89, kLu},    {0x1C8A, 0x1C8A, kLl},    {0x2427, 0x2429, kSo},
    {0x2FFC, 0x2FFF, kSo},    {0x31E4, 0x31E5, kSo},    {0x31EF, 0x31EF, kSo},
    {0xA7CB, 0xA7CC, kLu},    {0xA7CD, 0xA7CD, kLl},    {0xA7DA, 0xA7DA, kLu},
    {0xA7DB, 0xA7DB, kLl},    {0xA7DC, 0xA7DC, kLu},    {0x105C0, 0x105F3, kLo},
    {0x10D40, 0x10D49, kNd},  {0x10D4A, 0x10D4D, kLo},  {0x10D4E, 0x10D4E, kLm},
    {0x10D4F, 0x10D4F, kLo},  {0x10D50, 0x10D65, kLu},  {0x10D69, 0x10D6D, kMn},
    {0x10D6E, 0x10D6E, kPd},  {0x10D6F, 0x10D6F, kLm},  {0x10D70, 0x10D85, kLl},
    {0x10D8E, 0x10D8F, kSm},  {0x10EC2, 0x10EC4, kLo},  {0x10EFC, 0x10EFF, kMn},
    {0x1123F, 0x11240, kLo},  {0x11241, 0x11241, kMn},  {0x11380, 0x11389, kLo},
    {0x1138B, 0x1138B, kLo},  {0x1138E, 0x1138E, kLo},  {0x11390, 0x113B5, kLo},
    {0x113B7, 0x113B7, kLo},  {0x113B8, 0x113BA, kMc},  {0x113BB, 0x113C0, kMn},
    {0x113C2, 0x113C2, kMc},  {0x113C5, 0x113C5, kMc},  {0x113C7, 0x113CA, kMc},
    {0x113CC, 0x113CD, kMc},  {0x113CE, 0x113CE, kMn},  {0x113CF, 0x113CF, kMc},
    {0x113D0, 0x113D0, kMn},  {0x113D1, 0x113D1, kLo},  {0x113D2, 0x113D2, kMn},
    {0x113D3, 0x113D3, kLo},  {0x113D4, 0x113D5, kPo},  {0x113D7, 0x113D8, kPo},
    {0x113E1, 0x113E2, kMn},  {0x116D0, 0x116E3, kNd},  {0x1171E, 0x1171E, kMc},
    {0x11B00, 0x11B09, kPo},  {0x11BC0, 0x11BE0, kLo},  {0x11BE1, 0x11BE1, kPo},
    {0x11BF0, 0x11BF9, kNd},  {0x11F00, 0x11F01, kMn},  {0x11F02, 0x11F02, kLo},
    {0x11F03, 0x11F03, kMc},  {0x11F04, 0x11F10, kLo},  {0x11F12, 0x11F33, kLo},
    {0x11F34, 0x11F35, kMc},  {0x11F36, 0x11F3A, kMn},  {0x11F3E, 0x11F3F, kMc},
    {0x11F40, 0x11F40, kMn},  {0x11F41, 0x11F41, kMc},  {0x11F42, 0x11F42, kMn},
    {0x11F43, 0x11F4F, kPo},  {0x11F50, 0x11F59, kNd},  {0x11F5A, 0x11F5A, kMn},
    {0x1342F, 0x1342F, kLo},  {0x13439, 0x1343F, kCf},  {0x13440, 0x13440, kMn},
    {0x13441, 0x13446, kLo},  {0x13447, 0x13455, kMn},  {0x13460, 0x143FA, kLo},
    {0x16100, 0x1611D, kLo},  {0x1611E, 0x16129, kMn},  {0x1612A, 0x1612C, kMc},
    {0x1612D, 0x1612F, kMn},  {0x16130, 0x16139, kNd},  {0x16D40, 0x16D42, kLm},
    {0x16D43, 0x16D6A, kLo},  {0x16D6B, 0x16D6C, kLm},  {0x16D6D, 0x16D6F, kPo},
    {0x16D70, 0x16D79, kNd},  {0x18CFF, 0x18CFF, kLo},  {0x1B132, 0x1B132, kLo},
    {0x1B155, 0x1B155, kLo},  {0x1CC00, 0x1CCEF, kSo},  {0x1CCF0, 0x1CCF9, kNd},
    {0x1CD00, 0x1CEB3, kSo},  {0x1D2C0, 0x1D2D3, kNo},  {0x1DF25, 0x1DF2A, kLl},
    {0x1E030, 0x1E06D, kLm},  {0x1E08F, 0x1E08F, kMn},  {0x1E4D0, 0x1E4EA, kLo},
    {0x1E4EB, 0x1E4EB, kLm},  {0x1E4EC, 0x1E4EF, kMn},  {0x1E4F0, 0x1E4F9, kNd},
    {0x1E5D0, 0x1E5ED, kLo},  {0x1E5EE, 0x1E5EF, kMn},  {0x1E5F0, 0x1E5F0, kLo},
    {0x1E5F1, 0x1E5FA, kNd},  {0x1E5FF, 0x1E5FF, kPo},  {0x1F6DC, 0x1F6DC, kSo},
    {0x1F774, 0x1F776, kSo},  {0x1F77B, 0x1F77F, kSo},  {0x1F7D9, 0x1F7D9, kSo},
    {0x1F8B2, 0x1F8BB, kSo},  {0x1F8C0, 0x1F8C1, kSo},  {0x1FA75, 0x1FA77, kSo},
    {0x1FA87, 0x1FA89, kSo},  {0x1FA8F, 0x1FA8F, kSo},  {0x1FAAD, 0x1FAAF, kSo},
    {0x1FABB, 0x1FABF, kSo},  {0x1FAC6, 0x1FAC6, kSo},  {0x1FACE, 0x1FACF, kSo},
    {0x1FADA, 0x1FADC, kSo},  {0x1FADF, 0x1FADF, kSo},  {0x1FAE8, 0x1FAE9, kSo},
    {0x1FAF7, 0x1FAF8, kSo},  {0x1FBCB, 0x1FBEF, kSo},  {0x2B739, 0x2B739, kHan},
    {0x2EBF0, 0x2EE5D, kHan}, {0x31350, 0x323AF, kHan},
};

/// An older character of each class, of three and of four bytes.
struct StandIn {
  char32_t of_three_bytes, of_four_bytes;
};
constexpr StandIn kStandIns[] = {
    /* kLu */ {0x1E00, 0x10400},
    /* kLl */ {0x1E01, 0x10428},
    /* kLm */ {0x3031, 0x16B40},
    /* kLo */ {0x0E01, 0x10000},
    /* kHan */ {0x4E00, 0x20000},
    /* kMn */ {0x20D0, 0x101FD},
    /* kMc */ {0x0903, 0x11000},
    /* kNd */ {0x0966, 0x104A0},
    /* kNo */ {0x2189, 0x10107},
    /* kPd */ {0x2010, 0x10EAD},
    /* kPo */ {0x2016, 0x10100},
    /* kSm */ {0x2200, 0x1D6C1},
    /* kSo */ {0x2100, 0x1F300},
    /* kCf */ {0x2060, 0x110BD},
};

/// A set of code points by blocks of 256, so that most characters are dismissed by one look.
class BlockSet {
 public:
  template <class Ranges>
  constexpr explicit BlockSet(const Ranges& ranges) {
    for (const auto& range : ranges) {
      for (char32_t block = range.first >> 8; block <= range.last >> 8; ++block)
        words_[block >> 6] |= 1ull << (block & 63);
    }
  }
  constexpr bool may_hold(char32_t code_point) const {
    return words_[code_point >> 14] >> ((code_point >> 8) & 63) & 1;
  }

 private:
  std::array<uint64_t, 68> words_{};
};

constexpr BlockSet kClassBlocks(kClassRanges);

template <class Ranges>
constexpr auto range_of(const Ranges& ranges, char32_t code_point) {
  const auto found =
      std::partition_point(std::begin(ranges), std::end(ranges),
                           [&](const auto& range) { return range.last < code_point; });
  return found != std::end(ranges) && found->first <= code_point ? found : std::end(ranges);
}

struct CodePointRange {
  char32_t first, last;
};

/// What Unicode 9 did not know and later versions (up to 15) give a combining class, a
/// decomposition or a composition.
constexpr CodePointRange kNewerThanUnicode9[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},
    {0xC3C, 0xC3C},     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},
    {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
    {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99},
    {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42},
    {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
    {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
};

constexpr BlockSet kNewerBlocks(kNewerThanUnicode9);

bool is_newer_than_unicode9(char32_t code_point) {
  return kNewerBlocks.may_hold(code_point) &&
         range_of(kNewerThanUnicode9, code_point) != std::end(kNewerThanUnicode9);
}

/// Text below U+0300 holds no combining mark: it is in NFC already.
bool is_trivially_nfc(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char byte) { return static_cast<unsigned char>(byte) >= 0xCC; });
}

void append_nfc(std::string& out, std::string_view text) {
  if (text.empty()) return;
  utf8proc_uint8_t* mapped = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  base::ensure(length >= 0, "utf8proc refuses a valid text");
  out.append(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
}

}  // namespace

bool make_class_shadow(std::string_view text, std::string& shadow) {
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    // Nothing below U+0800, whose first byte is below 0xE0, is in the table.
    if (static_cast<unsigned char>(text[at]) < 0xE0) {
      ++at;
      continue;
    }
    const size_t begin = at;
    const char32_t code_point = next_code_point(text, at);
    if (!kClassBlocks.may_hold(code_point)) continue;
    const auto range = range_of(kClassRanges, code_point);
    if (range == std::end(kClassRanges)) continue;
    if (!found) shadow.assign(text);
    found = true;
    const StandIn& stand_in = kStandIns[range->character_class];
    std::string bytes;
    append_code_point(bytes, at - begin == 3 ? stand_in.of_three_bytes : stand_in.of_four_bytes);
    std::memcpy(shadow.data() + begin, bytes.data(), bytes.size());
  }
  return found;
}

std::string to_nfc(std::string_view text) {
  if (is_trivially_nfc(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  size_t pending = 0;  // where the run begins that is not yet normalized
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!is_newer_than_unicode9(next_code_point(text, at))) continue;
    append_nfc(out, text.substr(pending, begin - pending));
    out.append(text.substr(begin, at - begin));
    pending = at;
  }
  append_nfc(out, text.substr(pending));
  return out;
}

}  // namespace strata::data
