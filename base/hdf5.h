// HDF5 files of one-dimensional integer datasets and a few attributes: all that token shards need.
// A dataset is either of a known size and contiguous (its bytes can be mapped straight from the
// file) or growing and chunked (append while writing; every chunk carries a checksum). Metadata is
// written in the newest format, which carries checksums too. Knows nothing of tokens. One thread at
// a time may be inside the library: readers on several threads map contiguous datasets instead.
// Failures are UserErrors that name the file: kBadData when a file is not what it should be,
// kDiskTrouble when the disk refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/file.h"

namespace strata::base {

/// The element types in use, little-endian on disk.
enum class Hdf5Type : uint8_t { kU8, kU16, kI32, kU32, kI64 };

/// Bytes of one element.
size_t element_bytes(Hdf5Type type);

/// The Hdf5Type of a C++ integer type.
template <class T>
constexpr Hdf5Type hdf5_type() {
  if constexpr (std::is_same_v<T, uint8_t>)
    return Hdf5Type::kU8;
  else if constexpr (std::is_same_v<T, uint16_t>)
    return Hdf5Type::kU16;
  else if constexpr (std::is_same_v<T, int32_t>)
    return Hdf5Type::kI32;
  else if constexpr (std::is_same_v<T, uint32_t>)
    return Hdf5Type::kU32;
  else {
    static_assert(std::is_same_v<T, int64_t>, "not a type of Hdf5Type");
    return Hdf5Type::kI64;
  }
}

/// Owns one identifier of the library and releases it at its end. Movable.
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  explicit Hdf5Handle(int64_t id) : id_(id) {}
  ~Hdf5Handle() { reset(); }
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept;
  int64_t id() const { return id_; }
  int64_t release() { return std::exchange(id_, -1); }  ///< gives the identifier away
  void reset();

 private:
  int64_t id_ = -1;
};

/// One dataset of an open file. It may outlive the Hdf5File object (the file then stays open with
/// it).
class Hdf5Dataset {
 public:
  int64_t size() const;  ///< elements
  Hdf5Type type() const { return type_; }

  /// Elements [first, first + out.size()). T may be wider than the stored type (an int32 out of
  /// uint16); a T that cannot hold every stored value is refused, as is a window outside the
  /// dataset.
  template <class T>
  void read(int64_t first, std::span<T> out) const {
    read_raw(first, static_cast<int64_t>(out.size()), hdf5_type<T>(), out.data());
  }
  /// Overwrites elements [first, first + values.size()), which must lie inside the dataset.
  template <class T>
  void write(int64_t first, std::span<const T> values) {
    write_raw(first, static_cast<int64_t>(values.size()), hdf5_type<T>(), values.data());
  }
  /// Makes a growing dataset longer by `values`.
  template <class T>
  void append(std::span<const T> values) {
    append_raw(static_cast<int64_t>(values.size()), hdf5_type<T>(), values.data());
  }

  /// Where a contiguous dataset's bytes begin in the file (little-endian elements, size() of them):
  /// for a mapping. Nothing for a growing or an empty dataset. The bytes are known to lie inside
  /// the file.
  std::optional<uint64_t> file_offset() const;

 private:
  friend class Hdf5File;
  Hdf5Dataset(Hdf5Handle handle, std::string where);
  void read_raw(int64_t first, int64_t count, Hdf5Type type, void* out) const;
  void write_raw(int64_t first, int64_t count, Hdf5Type type, const void* values);
  void append_raw(int64_t count, Hdf5Type type, const void* values);

  Hdf5Handle handle_;
  std::string where_;  ///< "FILE: dataset 'NAME'", for messages
  Hdf5Type type_ = Hdf5Type::kU8;
};

/// A file being written (create) or read (open). Movable.
class Hdf5File {
 public:
  /// A new file in the newest format; an existing one is replaced. Wrap in write_file_with for all
  /// or nothing.
  static Hdf5File create(const fs::path& path);
  /// Read only. Absent, damaged or foreign: kBadData.
  static Hdf5File open(const fs::path& path);

  /// Contiguous, of a fixed size, allocated at once.
  Hdf5Dataset create_fixed(const std::string& name, Hdf5Type type, int64_t count);
  /// Chunked, empty at first, each chunk of `chunk` elements with a checksum (Fletcher32).
  Hdf5Dataset create_growing(const std::string& name, Hdf5Type type, int64_t chunk = 64 * 1024);
  /// A fixed dataset with these values.
  template <class T>
  void write(const std::string& name, std::span<const T> values) {
    create_fixed(name, hdf5_type<T>(), static_cast<int64_t>(values.size())).write(0, values);
  }

  bool has_dataset(const std::string& name) const;
  /// An existing dataset: one-dimensional and of one of our types, else kBadData.
  Hdf5Dataset dataset(const std::string& name) const;

  /// Attributes of the file as a whole. An absent one, or one of another type, is kBadData when
  /// read.
  void set_attribute(const std::string& name, int64_t value);
  void set_attribute(const std::string& name, std::string_view text);
  bool has_attribute(const std::string& name) const;
  int64_t int_attribute(const std::string& name) const;
  std::string text_attribute(const std::string& name) const;

  /// Writes everything out and closes; a full disk is noticed here at the latest. The destructor
  /// closes in silence.
  void close();

 private:
  Hdf5File(Hdf5Handle handle, fs::path path) : handle_(std::move(handle)), path_(std::move(path)) {}

  Hdf5Handle handle_;
  fs::path path_;
};

/// The library's version as loaded, "1.10.8".
std::string hdf5_version();

}  // namespace strata::base
