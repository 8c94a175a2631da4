// The documents of an input file, one at a time: the rows of a JSONL file (one key holds the text)
// or a text file as one document; plain, .gz or .zst. A bad one is a UserError (kBadData) that
// begins with FILE:LINE. Knows no tokenizer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/lines.h"

namespace strata::data {

/// What can be told of an input without reading it.
struct InputFile {
  std::filesystem::path path;
  int64_t bytes = 0;  ///< on disk
  bool is_jsonl =
      false;  ///< by its name: .jsonl, .json, .ndjson (before .gz, .zst); anything else is text
  bool compressed = false;  ///< by its first bytes

  /// Rows can be read from the middle on.
  bool can_be_cut() const { return is_jsonl && !compressed; }
};

/// kBadData for a file that is not there.
InputFile look_at_input(const std::filesystem::path& path);

/// The whole uncompressed text.
std::string read_text(const InputFile& file);

/// Rows of a JSONL file whose line begins in [begin, end); blank lines are passed over.
class JsonlReader {
 public:
  explicit JsonlReader(const InputFile& file) : JsonlReader(file, 0, kNoEnd) {}
  /// A part of a file that can be cut.
  JsonlReader(const InputFile& file, int64_t begin, int64_t end);

  bool next();
  /// Gives the row to `use(const base::JsonReader&)` and returns what that returns. If it is no
  /// JSON object, or `use` complains through its reader, the UserError begins with FILE:LINE.
  template <class Use>
  decltype(auto) read(const Use& use) const {
    // In the middle of a file a line's number is dear to find, so that is left to the case of an
    // error: the complaint is then provoked again.
    const auto attempt = [&](const std::string& source) -> decltype(auto) {
      const base::Json row = base::parse_json(lines_.line(), source);
      return use(base::JsonReader(row, source));
    };
    try {
      return attempt("");
    } catch (const base::UserError&) {
      return attempt(where());
    }
  }
  int64_t offset() const { return lines_.offset(); }  ///< of the line in the uncompressed text
  /// "FILE:LINE".
  std::string where() const;

 private:
  static constexpr int64_t kNoEnd = INT64_MAX;

  std::filesystem::path path_;
  int64_t begin_, end_;
  base::LineReader lines_;
};

/// Documents of an input, or of a part of one that can be cut.
class DocumentReader {
 public:
  DocumentReader(const InputFile& file, const std::string& field)
      : DocumentReader(file, 0, file.bytes, field) {}
  DocumentReader(const InputFile& file, int64_t begin, int64_t end, const std::string& field);

  bool next();
  std::string_view text() const { return text_; }
  /// "FILE:LINE" of a row, "FILE" of a text file.
  std::string where() const;

 private:
  InputFile file_;
  std::string field_;
  std::optional<JsonlReader> rows_;  ///< none for a text file
  bool text_read_ = false;
  std::string text_;
};

}  // namespace strata::data
