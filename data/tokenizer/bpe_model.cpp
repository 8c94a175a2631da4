#include "data/tokenizer/bpe_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/merge_word.h"
#include "data/tokenizer/utf8.h"

namespace strata::data {
namespace {

/// "▁", which stands for a space in vocabularies of characters.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// The first mark at or after `from` that stands behind another character than a mark.
size_t find_inner_mark(std::string_view text, size_t from) {
  for (size_t at = text.find(kSpaceMark, from); at != text.npos;
       at = text.find(kSpaceMark, at + kSpaceMark.size())) {
    if (at > from && !text.substr(0, at).ends_with(kSpaceMark)) return at;
  }
  return text.npos;
}

bool is_one_character(std::string_view text) {
  return !text.empty() && utf8_unit(text, 0).length == text.size();
}

void refuse_if_set(const base::SortedJsonReader& model, const std::string& key) {
  if (model.has(key) && !model.string(key).empty()) model.refuse(key, "is not supported");
}

/// Writes a word's first symbols. The token for the unknown waits until a known one follows, so
/// that neighbours can be fused into it; bytes spelled meanwhile go before it, as in `tokenizers`.
class SymbolWriter {
 public:
  SymbolWriter(std::vector<int32_t>& out, std::optional<int32_t> unknown, bool fuse)
      : out_(out), unknown_(unknown), fuse_(fuse) {}

  void known(int32_t id) {
    finish();
    out_.push_back(id);
  }
  void unknown() {
    if (!fuse_) finish();
    waiting_ = unknown_.has_value();
  }
  void finish() {
    if (waiting_) out_.push_back(*unknown_);
    waiting_ = false;
  }

 private:
  std::vector<int32_t>& out_;
  std::optional<int32_t> unknown_;
  bool fuse_, waiting_ = false;
};

}  // namespace

BpeModel::BpeModel(const base::SortedJsonReader& model, bool byte_level) : byte_level_(byte_level) {
  // Old files leave the type out.
  if (const std::string type = model.string("type", "BPE"); type != "BPE") {
    model.refuse("type", fmt::format("is '{}', which is not supported; supported is BPE", type));
  }
  refuse_if_set(model, "continuing_subword_prefix");
  refuse_if_set(model, "end_of_word_suffix");
  if (model.number("dropout", 0) != 0)
    model.refuse("dropout", "is not supported: encoding would be random");
  byte_fallback_ = model.boolean("byte_fallback", false);
  fuse_unknown_ = model.boolean("fuse_unk", false);
  ignore_merges_ = model.boolean("ignore_merges", false);
  read_vocabulary(model);
  read_merges(model);
  index_symbols(model);
}

std::optional<int32_t> BpeModel::id_of(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

void BpeModel::read_vocabulary(const base::SortedJsonReader& model) {
  const base::SortedJson& vocabulary = model.object("vocab").value();
  ids_.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary.items()) {
    const bool fits =
        id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < INT32_MAX;
    if (!fits)
      model.refuse("vocab", fmt::format("gives the token '{}' the id {}", token, id.dump()));
    ids_.emplace(token, id.get<int32_t>());
  }
  if (model.has("unk_token")) {
    unknown_ = id_of(model.string("unk_token"));
    if (!unknown_)
      model.refuse("unk_token",
                   fmt::format("is '{}', which the vocabulary lacks", model.string("unk_token")));
  }
}

void BpeModel::read_merges(const base::SortedJsonReader& model) {
  const base::SortedJson& merges = model.array("merges");
  merges_ = PairTable(merges.size());
  uint32_t rank = 0;
  for (const base::SortedJson& merge : merges) {
    if (merge.is_string()) {  // "a b", the older form
      const auto& text = merge.get_ref<const std::string&>();
      if (text.starts_with("#version")) continue;
      const size_t space = text.find(' ');
      if (space == text.npos || text.find(' ', space + 1) != text.npos) {
        model.refuse("merges", fmt::format("holds '{}', which is not two tokens", text));
      }
      add_merge(model, rank++, std::string_view(text).substr(0, space),
                std::string_view(text).substr(space + 1));
    } else {
      if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() ||
          !merge[1].is_string()) {
        model.refuse("merges", fmt::format("holds {}, which is not two tokens", merge.dump()));
      }
      add_merge(model, rank++, merge[0].get_ref<const std::string&>(),
                merge[1].get_ref<const std::string&>());
    }
  }
}

void BpeModel::add_merge(const base::SortedJsonReader& model, uint32_t rank, std::string_view left,
                         std::string_view right) {
  const std::string merged = fmt::format("{}{}", left, right);
  const auto left_id = id_of(left), right_id = id_of(right), merged_id = id_of(merged);
  if (!left_id || !right_id || !merged_id) {
    const std::string missing(!left_id ? left : !right_id ? right : merged);
    model.refuse("merges",
                 fmt::format("names the token '{}', which the vocabulary lacks", missing));
  }
  merges_.set(*left_id, *right_id, {rank, *merged_id});
  if (find_inner_mark(merged, 0) != merged.npos) mark_begins_word_ = false;
}

void BpeModel::index_symbols(const base::SortedJsonReader& model) {
  byte_ids_.fill(-1);
  for (int byte = 0; byte < 256; ++byte) {
    std::string symbol;
    if (byte_level_) {
      append_code_point(symbol, byte_symbol(static_cast<uint8_t>(byte)));
    } else {
      symbol = fmt::format("<0x{:02X}>", byte);
    }
    byte_ids_[byte] = id_of(symbol).value_or(-1);
    if (byte_level_ && byte_fallback_ && byte_ids_[byte] < 0) {
      model.refuse("byte_fallback",
                   "is not supported with a byte-level vocabulary that lacks bytes");
    }
  }
  for (const auto& [token, id] : ids_) {
    if (!byte_level_ && is_one_character(token)) {
      size_t at = 0;
      character_ids_.emplace(static_cast<uint32_t>(next_code_point(token, at)), id);
    }
    if (!ignore_merges_) continue;
    if (const auto bytes = byte_level_ ? from_byte_symbols(token) : token)
      whole_words_.emplace(*bytes, id);
  }
  // A mark that is no token of its own could melt into the unknown before it.
  mark_begins_word_ = mark_begins_word_ && !byte_level_ && !ignore_merges_ && id_of(kSpaceMark);
}

void BpeModel::encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const {
  if (!mark_begins_word_) {
    encode_word(piece, out, scratch);
    return;
  }
  // No merge reaches over the place before an inner mark, so the words between such places can be
  // encoded (and remembered) one by one, with the same result.
  size_t begin = 0;
  for (size_t mark; (mark = find_inner_mark(piece, begin)) != piece.npos; begin = mark) {
    encode_word(piece.substr(begin, mark - begin), out, scratch);
  }
  encode_word(piece.substr(begin), out, scratch);
}

void BpeModel::encode_word(std::string_view word, std::vector<int32_t>& out,
                           Scratch& scratch) const {
  if (const auto known = scratch.cache.find(word); !known.empty()) {
    out.insert(out.end(), known.begin(), known.end());
    return;
  }
  scratch.word.clear();
  if (const auto whole = whole_words_.find(word); whole != whole_words_.end()) {
    scratch.word.push_back(whole->second);
  } else {
    byte_level_ ? append_bytes(word, scratch.word) : append_characters(word, scratch.word);
    merge_word(scratch.word, merges_);
  }
  scratch.cache.keep(word, scratch.word);
  out.insert(out.end(), scratch.word.begin(), scratch.word.end());
}

void BpeModel::append_bytes(std::string_view word, std::vector<int32_t>& symbols) const {
  SymbolWriter writer(symbols, unknown_, fuse_unknown_);
  for (const char byte : word) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(byte)];
    id >= 0 ? writer.known(id) : writer.unknown();
  }
  writer.finish();
}

void BpeModel::append_characters(std::string_view word, std::vector<int32_t>& symbols) const {
  SymbolWriter writer(symbols, unknown_, fuse_unknown_);
  const auto byte_id = [&](char byte) { return byte_ids_[static_cast<uint8_t>(byte)]; };
  for (size_t at = 0; at < word.size();) {
    const size_t begin = at;
    const auto known = character_ids_.find(static_cast<uint32_t>(next_code_point(word, at)));
    const std::string_view bytes = word.substr(begin, at - begin);
    if (known != character_ids_.end()) {
      writer.known(known->second);
    } else if (byte_fallback_ && std::all_of(bytes.begin(), bytes.end(),
                                             [&](char byte) { return byte_id(byte) >= 0; })) {
      for (const char byte : bytes) symbols.push_back(byte_id(byte));
    } else {
      writer.unknown();
    }
  }
  writer.finish();
}

}  // namespace strata::data
