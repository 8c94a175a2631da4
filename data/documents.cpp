#include "data/documents.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "data/tokenizer/utf8.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

bool named_as_jsonl(fs::path path) {
  if (path.extension() == ".gz" || path.extension() == ".zst") path.replace_extension();
  const fs::path extension = path.extension();
  return extension == ".jsonl" || extension == ".json" || extension == ".ndjson";
}

int64_t line_breaks_before(const fs::path& file, int64_t offset) {
  const base::MappedFile mapping(file);
  const auto bytes = mapping.bytes().first(static_cast<size_t>(offset));
  return std::ranges::count(bytes, std::byte{'\n'});
}

void require_utf8(std::string_view text, const fs::path& file) {
  if (is_utf8(text)) return;
  size_t at = 0;
  while (utf8_unit(text, at).kind == Utf8Unit::kCharacter) at += utf8_unit(text, at).length;
  const auto line = 1 + std::ranges::count(text.substr(0, at), '\n');
  throw base::UserError(base::kBadData,
                        fmt::format("{}:{}: byte {} of the file (0x{:02x}) is not UTF-8",
                                    file.string(), line, at, static_cast<unsigned char>(text[at])));
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

InputFile look_at_input(const fs::path& path) {
  base::require_file(path, base::kBadData);
  return {path, static_cast<int64_t>(fs::file_size(path)), named_as_jsonl(path),
          base::is_compressed(path)};
}

std::string read_text(const InputFile& file) {
  if (!file.compressed) return base::read_file(file.path);
  std::string text;
  const auto source = base::open_bytes(file.path);
  constexpr size_t kBlock = size_t{1} << 20;
  for (size_t filled = 0;;) {
    text.resize(filled + kBlock);
    const size_t got = source->read(text.data() + filled, kBlock);
    filled += got;
    text.resize(filled);
    if (got == 0) return text;
  }
}

JsonlReader::JsonlReader(const InputFile& file, int64_t begin, int64_t end)
    : path_(file.path),
      begin_(begin),
      end_(end),
      lines_(begin > 0 ? base::LineReader(file.path, begin - 1, 1) : base::LineReader(file.path)) {
  // From one byte ahead: the line that this byte belongs to began before, and is another reader's.
  if (begin > 0) lines_.next();
}

bool JsonlReader::next() {
  while (lines_.next()) {
    if (lines_.offset() >= end_) return false;
    if (!is_blank(lines_.line())) return true;
  }
  return false;
}

std::string JsonlReader::where() const {
  const int64_t skipped = begin_ == 0 ? 0 : line_breaks_before(path_, begin_ - 1);
  return fmt::format("{}:{}", path_.string(), skipped + lines_.number());
}

DocumentReader::DocumentReader(const InputFile& file, int64_t begin, int64_t end,
                               const std::string& field)
    : file_(file), field_(field) {
  if (file_.can_be_cut()) {
    rows_.emplace(file_, begin, end);
  } else if (file_.is_jsonl) {
    rows_.emplace(file_);
  }
}

bool DocumentReader::next() {
  if (rows_) {
    if (!rows_->next()) return false;
    text_ = rows_->read([&](const base::JsonReader& row) { return row.string(field_); });
    return true;
  }
  if (text_read_) return false;
  text_read_ = true;
  text_ = read_text(file_);
  require_utf8(text_, file_.path);
  return true;
}

std::string DocumentReader::where() const { return rows_ ? rows_->where() : file_.path.string(); }

}  // namespace strata::data
