// The lines of a text file, one at a time: plain, gzip (.gz) or Zstandard (.zst), known by the
// first bytes. Holds one block in memory whatever the file's size. Knows nothing of what a line
// says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"

namespace strata::base {

/// Uncompressed bytes of a file, in order.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills up to `size` bytes; 0 means the end.
  virtual size_t read(char* out, size_t size) = 0;
};

/// Opens a file; how it is compressed is seen from its first bytes. Absent, damaged and cut-off
/// files are UserErrors (kBadData) that name it.
std::unique_ptr<ByteSource> open_bytes(const fs::path& path);

/// True for a file that begins as gzip or Zstandard.
bool is_compressed(const fs::path& path);

/// Goes through a file line by line:
///   for (LineReader lines(path); lines.next();) use(lines.line(), lines.where());
class LineReader {
 public:
  explicit LineReader(const fs::path& path);
  /// In a plain file: starts at byte `offset`, which begins line number `line_number`.
  LineReader(const fs::path& path, int64_t offset, int64_t line_number);

  /// Goes to the next line; false at the end. A last line without a line break counts.
  bool next();
  /// Without its line break ("\n" or "\r\n"); valid until next().
  std::string_view line() const { return line_; }
  int64_t number() const { return number_; }  ///< from 1
  /// Where the line begins in the uncompressed text.
  int64_t offset() const { return offset_; }
  /// "FILE:NUMBER", for messages.
  std::string where() const;

 private:
  bool refill();

  fs::path path_;
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;  ///< what is read and not yet given out
  std::string_view line_;
  int64_t number_ = 0, offset_ = 0, next_offset_ = 0;
};

}  // namespace strata::base
