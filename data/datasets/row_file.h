// A JSONL file whose rows are looked up in any order: mapped where it is plain, held uncompressed
// in memory where not. A row is known by where its line begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "data/documents.h"

namespace strata::data {

class RowFile {
 public:
  explicit RowFile(const InputFile& file);
  /// The line that begins at `offset`, without its line feed.
  std::string_view line(int64_t offset) const;
  /// Of the whole text.
  std::string fingerprint() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::string_view text() const;

  std::filesystem::path path_;
  std::optional<base::MappedFile> mapping_;
  std::string uncompressed_;
};

}  // namespace strata::data
