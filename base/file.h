// Files on disk: read whole, mapped, or written so that a reader sees the old content or the new,
// never half. Knows no format. Every failure is a UserError: kDiskTrouble for I/O, `missing` as
// told for an absent file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace strata::base {

namespace fs = std::filesystem;

/// Throws unless `path` is a file (no folder, pipe or device) that can be opened for reading.
void require_file(const fs::path& path, ExitCode missing = kBadData);

/// The whole file as bytes. An absent or unreadable file is a UserError with exit code `missing`.
std::string read_file(const fs::path& path, ExitCode missing = kBadData);

/// Writes temp + fsync + rename + fsync of the folder; makes parent folders. On error the old file
/// stays.
void write_file(const fs::path& path, std::string_view content);

/// The same for a producer that writes the temporary file itself (HDF5, large files).
void write_file_with(const fs::path& path,
                     const std::function<void(const fs::path& temporary)>& produce);

/// Makes a finished folder visible under `to` by one rename (fsync of its files' folder and of the
/// parent). An existing `to` is moved aside first and deleted after.
void publish_folder(const fs::path& temporary, const fs::path& to);

/// fsync of one file or folder.
void sync_path(const fs::path& path);

/// A file being written. Every method throws a UserError (kDiskTrouble) where the disk refuses.
class OutputFile {
 public:
  enum class Mode : uint8_t { kReplace, kAppend };
  /// Makes parent folders.
  OutputFile(const fs::path& path, Mode mode);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  /// Straight to the system: what is written survives the end of this process, however it ends.
  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Onto the disk.
  void sync();

 private:
  fs::path path_;
  int descriptor_;
};

/// A read-only mapping of a file; unmapped by the destructor. Movable.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path, ExitCode missing = kBadData);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace strata::base
