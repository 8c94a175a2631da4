// The safetensors container: a JSON header and raw little-endian bytes. Read mapped, written in one
// pass. Knows names, dtypes and shapes; knows no tensor library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace strata::base {

struct TensorInfo {
  std::string dtype;  ///< F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL
  std::vector<int64_t> shape;
  int64_t begin = 0, end = 0;  ///< byte range inside the data part
};

/// Bytes of one element of a safetensors dtype; a UserError for an unknown one.
int64_t dtype_bytes(std::string_view dtype);

/// A file opened for reading. Checks the header (bounds, overlap, duplicate names) and refuses a
/// bad one with `damaged`.
class SafetensorsReader {
 public:
  explicit SafetensorsReader(const fs::path& path, ExitCode damaged = kBadUsage);
  const std::map<std::string, TensorInfo>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// The bytes of a tensor, valid while the reader lives.
  std::span<const std::byte> bytes(const TensorInfo& info) const;

 private:
  MappedFile file_;
  size_t data_begin_ = 0;
  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// One tensor to be written: `fetch` is asked for the bytes when their turn comes, so that only one
/// tensor need be in memory.
struct TensorToWrite {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::function<std::span<const std::byte>()> fetch;
};

/// Writes a whole file (to `path` itself: the caller chooses a temporary folder or wraps it in
/// write_file_with) and fsyncs it; data starts 8-byte aligned. Returns the CRC32C of the whole
/// file.
uint32_t write_safetensors(const fs::path& path, const std::vector<TensorToWrite>& tensors,
                           const std::map<std::string, std::string>& metadata);

}  // namespace strata::base
