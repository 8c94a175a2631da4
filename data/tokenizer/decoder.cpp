#include "data/tokenizer/decoder.h"

#include <charconv>

#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/component.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/utf8.h"

namespace strata::data {
namespace {

/// The byte of "<0xAB>", or -1.
int lone_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int byte = -1;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return error == std::errc() && end == token.data() + 5 ? byte : -1;
}

/// How much of `bytes` can be told for certain: all but a character cut at the end.
size_t certain_prefix(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const Utf8Unit unit = utf8_unit(bytes, at);
    if (unit.kind == Utf8Unit::kCut) break;
    at += unit.length;
  }
  return at;
}

}  // namespace

Decoder::Decoder(const base::SortedJsonReader& root) : separator_(root.has("decoder") ? "" : " ") {
  for_each_component(root, "decoder", "decoders",
                     [&](const Component& component) { add(component); });
}

void Decoder::add(const Component& component) {
  const auto& settings = component.settings;
  const bool first =
      !byte_symbols_ && !byte_fallback_ && !fused_ && mark_.empty() && replacements_.empty();
  if (component.type == "ByteLevel") {
    if (!first) component.refuse_setting("must stand alone");
    byte_symbols_ = true;
  } else if (component.type == "Metaspace") {
    if (!first) component.refuse_setting("must stand alone");
    mark_ = settings.string("replacement");
    const bool add_prefix_space = settings.boolean("add_prefix_space", true);
    first_loses_marks_ =
        settings.string("prepend_scheme", add_prefix_space ? "always" : "never") != "never";
  } else if (component.type == "Replace") {
    if (byte_symbols_ || byte_fallback_ || fused_ || !mark_.empty())
      component.refuse_setting("must come first");
    const auto pattern = settings.object("pattern");
    if (pattern.has("Regex")) component.refuse_setting("a Regex is not supported");
    replacements_.push_back({pattern.string("String"), settings.string("content")});
    if (replacements_.back().what.empty()) component.refuse_setting("the pattern is empty");
  } else if (component.type == "ByteFallback") {
    if (byte_symbols_ || fused_ || !mark_.empty())
      component.refuse_setting("may only follow Replace");
    byte_fallback_ = true;
  } else if (component.type == "Fuse") {
    fused_ = true;
  } else if (component.type == "Strip") {
    if (!fused_ || strip_count_ > 0) component.refuse_setting("is supported once, behind Fuse");
    if (settings.integer("stop") != 0)
      component.refuse_setting("stripping the end is not supported");
    stripped_ = settings.string("content");
    strip_count_ = settings.integer("start");
  } else {
    component.refuse(
        {"ByteLevel", "Metaspace", "Replace", "ByteFallback", "Fuse", "Strip", "Sequence"});
  }
}

TokenPiece Decoder::piece(std::string_view token, bool first) const {
  if (byte_symbols_) return {from_byte_symbols(token).value_or(std::string(token))};
  if (!mark_.empty()) return {replace_all(token, mark_, first && first_loses_marks_ ? "" : " ")};
  std::string text(token);
  for (const Replacement& replacement : replacements_)
    text = replace_all(text, replacement.what, replacement.by);
  const int byte = byte_fallback_ ? lone_byte(text) : -1;
  if (byte >= 0) return {std::string(1, static_cast<char>(byte)), true};
  return {first ? text : separator_ + text};
}

void TextAssembler::add(std::string_view token, std::string& out) {
  const TokenPiece piece = decoder_->piece(token, first_);
  first_ = false;
  if (piece.is_lone) {
    lone_bytes_ += piece.bytes;
    return;
  }
  emit_lone_bytes(out);
  if (!decoder_->byte_symbols_) {
    emit(piece.bytes, out);
    return;
  }
  held_ += piece.bytes;
  const size_t certain = certain_prefix(held_);
  emit(replace_bad_utf8(std::string_view(held_).substr(0, certain)), out);
  held_.erase(0, certain);
}

void TextAssembler::finish(std::string& out) {
  emit_lone_bytes(out);
  emit(replace_bad_utf8(held_), out);
  held_.clear();
}

void TextAssembler::emit_lone_bytes(std::string& out) {
  if (lone_bytes_.empty()) return;
  if (is_utf8(lone_bytes_)) {
    emit(lone_bytes_, out);
  } else {
    std::string bad;
    for (size_t i = 0; i < lone_bytes_.size(); ++i) bad += kReplacementCharacter;
    emit(bad, out);
  }
  lone_bytes_.clear();
}

void TextAssembler::emit(std::string_view text, std::string& out) {
  while (strip_left_ > 0 && !text.empty()) {
    if (!text.starts_with(decoder_->stripped_)) strip_left_ = 0;
    if (strip_left_ > 0) {
      text.remove_prefix(decoder_->stripped_.size());
      --strip_left_;
    }
  }
  out += text;
}

}  // namespace strata::data
