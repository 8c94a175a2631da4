#include "base/hdf5.h"

#include <fmt/format.h>
#include <hdf5.h>

#include <array>
#include <cerrno>
#include <limits>

namespace strata::base {
namespace {

static_assert(std::is_same_v<hid_t, int64_t>,
              "handles are kept as int64_t so that hdf5.h stays in this file");

constexpr size_t kLongestText = size_t{1}
                                << 28;  // of an attribute; a damaged file may claim anything

struct TypeInfo {
  Hdf5Type type;
  hid_t on_disk, in_memory;
  size_t bytes;
  double low, high;
};

/// The library's type identifiers are only known after H5open, so the table is made on demand.
std::array<TypeInfo, 5> type_table() {
  return {{{Hdf5Type::kU8, H5T_STD_U8LE, H5T_NATIVE_UINT8, 1, 0, 255},
           {Hdf5Type::kU16, H5T_STD_U16LE, H5T_NATIVE_UINT16, 2, 0, 65535},
           {Hdf5Type::kI32, H5T_STD_I32LE, H5T_NATIVE_INT32, 4, -0x1p31, 0x1p31 - 1},
           {Hdf5Type::kU32, H5T_STD_U32LE, H5T_NATIVE_UINT32, 4, 0, 0x1p32 - 1},
           {Hdf5Type::kI64, H5T_STD_I64LE, H5T_NATIVE_INT64, 8, -0x1p63, 0x1p63}}};
}

TypeInfo info_of(Hdf5Type type) { return type_table()[static_cast<size_t>(type)]; }

/// The innermost line of the library's error stack: the one that says what really happened. Clears
/// the stack.
std::string innermost_error() {
  std::string text;
  const auto note = [](unsigned depth, const H5E_error2_t* entry, void* out) -> herr_t {
    if (depth == 0 && entry->desc != nullptr) *static_cast<std::string*>(out) = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note, &text);
  H5Eclear2(H5E_DEFAULT);
  return text.empty() ? "the library gives no reason" : text;
}

/// The library prints its error stack to stderr unless told otherwise, thread by thread.
void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

/// Passes a result through, or throws a UserError where the library reports failure by a negative
/// number.
int64_t need(int64_t result, ExitCode exit_code, std::string_view doing, std::string_view where) {
  if (result < 0)
    throw UserError(exit_code, fmt::format("cannot {} {}: {}", doing, where, innermost_error()));
  return result;
}

Hdf5Handle need_handle(hid_t id, ExitCode exit_code, std::string_view doing,
                       std::string_view where) {
  return Hdf5Handle(need(id, exit_code, doing, where));
}

/// No lock files' worth of trouble: network file systems often cannot lock, and shards are never
/// written while read.
Hdf5Handle access_properties(std::string_view where) {
  silence();
  Hdf5Handle access = need_handle(H5Pcreate(H5P_FILE_ACCESS), kDiskTrouble, "set up", where);
  need(H5Pset_libver_bounds(access.id(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST), kDiskTrouble,
       "set up", where);
  need(H5Pset_file_locking(access.id(), false, true), kDiskTrouble, "set up", where);
  return access;
}

/// Properties of a new object without times of its own: equal content gives equal bytes.
Hdf5Handle untimed(hid_t kind, std::string_view where) {
  Hdf5Handle layout = need_handle(H5Pcreate(kind), kDiskTrouble, "set up", where);
  need(H5Pset_obj_track_times(layout.id(), false), kDiskTrouble, "set up", where);
  return layout;
}

Hdf5Handle simple_space(int64_t count, int64_t limit, std::string_view where) {
  const hsize_t size = static_cast<hsize_t>(count);
  const hsize_t most = limit < 0 ? H5S_UNLIMITED : static_cast<hsize_t>(limit);
  return need_handle(H5Screate_simple(1, &size, &most), kDiskTrouble, "set up", where);
}

/// The elements [first, first + count) of a dataset's file space.
Hdf5Handle window(hid_t dataset, int64_t first, int64_t count, ExitCode exit_code,
                  std::string_view where) {
  Hdf5Handle space = need_handle(H5Dget_space(dataset), exit_code, "look into", where);
  const auto start = static_cast<hsize_t>(first), extent = static_cast<hsize_t>(count);
  need(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, &start, nullptr, &extent, nullptr),
       exit_code, "look into", where);
  return space;
}

std::string dataset_label(const fs::path& file, std::string_view name) {
  return fmt::format("dataset '{}' of {}", name, file.string());
}

std::string attribute_label(const fs::path& file, std::string_view name) {
  return fmt::format("attribute '{}' of {}", name, file.string());
}

}  // namespace

size_t element_bytes(Hdf5Type type) { return info_of(type).bytes; }

Hdf5Handle& Hdf5Handle::operator=(Hdf5Handle&& other) noexcept {
  std::swap(id_, other.id_);
  return *this;
}

void Hdf5Handle::reset() {
  if (id_ < 0) return;
  silence();
  H5Idec_ref(release());
}

Hdf5Dataset::Hdf5Dataset(Hdf5Handle handle, std::string where)
    : handle_(std::move(handle)), where_(std::move(where)) {
  const Hdf5Handle space = need_handle(H5Dget_space(handle_.id()), kBadData, "look into", where_);
  if (H5Sget_simple_extent_ndims(space.id()) != 1) {
    throw UserError(kBadData, fmt::format("{} has not one dimension, as was expected", where_));
  }
  const Hdf5Handle stored = need_handle(H5Dget_type(handle_.id()), kBadData, "look into", where_);
  for (const TypeInfo& info : type_table()) {
    if (H5Tequal(stored.id(), info.on_disk) > 0) {
      type_ = info.type;
      return;
    }
  }
  throw UserError(
      kBadData,
      fmt::format("{} is of a type other than u8, u16, i32, u32 or i64 (little-endian)", where_));
}

int64_t Hdf5Dataset::size() const {
  const Hdf5Handle space = need_handle(H5Dget_space(handle_.id()), kBadData, "look into", where_);
  return need(H5Sget_simple_extent_npoints(space.id()), kBadData, "look into", where_);
}

void Hdf5Dataset::read_raw(int64_t first, int64_t count, Hdf5Type type, void* out) const {
  silence();
  const TypeInfo wanted = info_of(type), stored = info_of(type_);
  if (wanted.low > stored.low || wanted.high < stored.high) {
    throw UserError(
        kBadData, fmt::format("{} holds numbers too large for what is to be read from it", where_));
  }
  const int64_t size = this->size();
  if (first < 0 || count < 0 || first > size - count) {
    throw UserError(kBadData, fmt::format("{} has {} elements; [{}, {}) lies outside", where_, size,
                                          first, first + count));
  }
  if (count == 0) return;
  const Hdf5Handle from = window(handle_.id(), first, count, kBadData, where_);
  const Hdf5Handle into = simple_space(count, count, where_);
  need(H5Dread(handle_.id(), wanted.in_memory, into.id(), from.id(), H5P_DEFAULT, out), kBadData,
       "read", where_);
}

void Hdf5Dataset::write_raw(int64_t first, int64_t count, Hdf5Type type, const void* values) {
  silence();
  ensure(type == type_, "an HDF5 dataset is written with its own type");
  ensure(first >= 0 && first + count <= size(), "a write outside an HDF5 dataset");
  if (count == 0) return;
  const Hdf5Handle into = window(handle_.id(), first, count, kDiskTrouble, where_);
  const Hdf5Handle from = simple_space(count, count, where_);
  need(H5Dwrite(handle_.id(), info_of(type).in_memory, from.id(), into.id(), H5P_DEFAULT, values),
       kDiskTrouble, "write", where_);
}

void Hdf5Dataset::append_raw(int64_t count, Hdf5Type type, const void* values) {
  const int64_t old_size = size();
  const auto new_size = static_cast<hsize_t>(old_size + count);
  need(H5Dset_extent(handle_.id(), &new_size), kDiskTrouble, "lengthen", where_);
  write_raw(old_size, count, type, values);
}

std::optional<uint64_t> Hdf5Dataset::file_offset() const {
  silence();
  const haddr_t offset = H5Dget_offset(handle_.id());  // undefined for chunked and empty datasets
  if (offset == HADDR_UNDEF) {
    H5Eclear2(H5E_DEFAULT);
    return std::nullopt;
  }
  const Hdf5Handle file = need_handle(H5Iget_file_id(handle_.id()), kBadData, "look into", where_);
  hsize_t file_size = 0;
  need(H5Fget_filesize(file.id(), &file_size), kBadData, "look into", where_);
  const uint64_t bytes = static_cast<uint64_t>(size()) * element_bytes(type_);
  if (offset > file_size || bytes > file_size - offset) {
    throw UserError(kBadData, fmt::format("{} reaches beyond the end of the file", where_));
  }
  return offset;
}

Hdf5File Hdf5File::create(const fs::path& path) {
  const Hdf5Handle access = access_properties(path.string());
  // Elements of a mapped dataset must be as aligned as in memory.
  need(H5Pset_alignment(access.id(), 0, sizeof(int64_t)), kDiskTrouble, "set up", path.string());
  const Hdf5Handle layout = untimed(H5P_FILE_CREATE, path.string());
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, layout.id(), access.id());
  return {need_handle(file, kDiskTrouble, "create", path.string()), path};
}

Hdf5File Hdf5File::open(const fs::path& path) {
  require_file(path);
  const Hdf5Handle access = access_properties(path.string());
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id());
  return {need_handle(file, kBadData, "read as HDF5", path.string()), path};
}

Hdf5Dataset Hdf5File::create_fixed(const std::string& name, Hdf5Type type, int64_t count) {
  const std::string where = dataset_label(path_, name);
  const Hdf5Handle space = simple_space(count, count, where);
  const Hdf5Handle layout = untimed(H5P_DATASET_CREATE, where);
  need(H5Pset_layout(layout.id(), H5D_CONTIGUOUS), kDiskTrouble, "set up", where);
  need(H5Pset_alloc_time(layout.id(), H5D_ALLOC_TIME_EARLY), kDiskTrouble, "set up", where);
  need(H5Pset_fill_time(layout.id(), H5D_FILL_TIME_NEVER), kDiskTrouble, "set up", where);
  const hid_t dataset = H5Dcreate2(handle_.id(), name.c_str(), info_of(type).on_disk, space.id(),
                                   H5P_DEFAULT, layout.id(), H5P_DEFAULT);
  return {need_handle(dataset, kDiskTrouble, "create", where), where};
}

Hdf5Dataset Hdf5File::create_growing(const std::string& name, Hdf5Type type, int64_t chunk) {
  const std::string where = dataset_label(path_, name);
  const Hdf5Handle space = simple_space(0, -1, where);
  const Hdf5Handle layout = untimed(H5P_DATASET_CREATE, where);
  const auto chunk_size = static_cast<hsize_t>(chunk);
  need(H5Pset_chunk(layout.id(), 1, &chunk_size), kDiskTrouble, "set up", where);
  need(H5Pset_fletcher32(layout.id()), kDiskTrouble, "set up", where);
  const hid_t dataset = H5Dcreate2(handle_.id(), name.c_str(), info_of(type).on_disk, space.id(),
                                   H5P_DEFAULT, layout.id(), H5P_DEFAULT);
  return {need_handle(dataset, kDiskTrouble, "create", where), where};
}

bool Hdf5File::has_dataset(const std::string& name) const {
  silence();
  if (H5Lexists(handle_.id(), name.c_str(), H5P_DEFAULT) <= 0) return false;
  const Hdf5Handle object(H5Oopen(handle_.id(), name.c_str(), H5P_DEFAULT));
  return object.id() >= 0 && H5Iget_type(object.id()) == H5I_DATASET;
}

Hdf5Dataset Hdf5File::dataset(const std::string& name) const {
  const std::string where = dataset_label(path_, name);
  if (!has_dataset(name)) throw UserError(kBadData, fmt::format("{} is missing", where));
  return {need_handle(H5Dopen2(handle_.id(), name.c_str(), H5P_DEFAULT), kBadData, "open", where),
          where};
}

void Hdf5File::set_attribute(const std::string& name, int64_t value) {
  const std::string where = attribute_label(path_, name);
  const Hdf5Handle space = need_handle(H5Screate(H5S_SCALAR), kDiskTrouble, "set up", where);
  const Hdf5Handle attribute = need_handle(
      H5Acreate2(handle_.id(), name.c_str(), H5T_STD_I64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT),
      kDiskTrouble, "create", where);
  need(H5Awrite(attribute.id(), H5T_NATIVE_INT64, &value), kDiskTrouble, "write", where);
}

void Hdf5File::set_attribute(const std::string& name, std::string_view text) {
  const std::string where = attribute_label(path_, name);
  const Hdf5Handle space = need_handle(H5Screate(H5S_SCALAR), kDiskTrouble, "set up", where);
  const Hdf5Handle type = need_handle(H5Tcopy(H5T_C_S1), kDiskTrouble, "set up", where);
  need(H5Tset_size(type.id(), text.size() + 1), kDiskTrouble, "set up", where);
  need(H5Tset_cset(type.id(), H5T_CSET_UTF8), kDiskTrouble, "set up", where);
  const Hdf5Handle attribute = need_handle(
      H5Acreate2(handle_.id(), name.c_str(), type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT),
      kDiskTrouble, "create", where);
  need(H5Awrite(attribute.id(), type.id(), std::string(text).c_str()), kDiskTrouble, "write",
       where);
}

bool Hdf5File::has_attribute(const std::string& name) const {
  silence();
  return H5Aexists(handle_.id(), name.c_str()) > 0;
}

int64_t Hdf5File::int_attribute(const std::string& name) const {
  const std::string where = attribute_label(path_, name);
  if (!has_attribute(name)) throw UserError(kBadData, fmt::format("{} is missing", where));
  const Hdf5Handle attribute =
      need_handle(H5Aopen(handle_.id(), name.c_str(), H5P_DEFAULT), kBadData, "open", where);
  const Hdf5Handle type = need_handle(H5Aget_type(attribute.id()), kBadData, "look into", where);
  const Hdf5Handle space = need_handle(H5Aget_space(attribute.id()), kBadData, "look into", where);
  if (H5Tget_class(type.id()) != H5T_INTEGER || H5Sget_simple_extent_npoints(space.id()) != 1) {
    throw UserError(kBadData, fmt::format("{} is not a whole number, as was expected", where));
  }
  int64_t value = 0;
  need(H5Aread(attribute.id(), H5T_NATIVE_INT64, &value), kBadData, "read", where);
  return value;
}

std::string Hdf5File::text_attribute(const std::string& name) const {
  const std::string where = attribute_label(path_, name);
  if (!has_attribute(name)) throw UserError(kBadData, fmt::format("{} is missing", where));
  const Hdf5Handle attribute =
      need_handle(H5Aopen(handle_.id(), name.c_str(), H5P_DEFAULT), kBadData, "open", where);
  const Hdf5Handle type = need_handle(H5Aget_type(attribute.id()), kBadData, "look into", where);
  const Hdf5Handle space = need_handle(H5Aget_space(attribute.id()), kBadData, "look into", where);
  const bool is_text = H5Tget_class(type.id()) == H5T_STRING &&
                       H5Tis_variable_str(type.id()) == 0 &&
                       H5Sget_simple_extent_npoints(space.id()) == 1;
  if (!is_text || H5Tget_size(type.id()) > kLongestText)
    throw UserError(kBadData, fmt::format("{} is not a text, as was expected", where));
  std::string text(H5Tget_size(type.id()), '\0');
  need(H5Aread(attribute.id(), type.id(), text.data()), kBadData, "read", where);
  return text.substr(0, text.find('\0'));
}

void Hdf5File::close() {
  silence();
  need(H5Fflush(handle_.id(), H5F_SCOPE_GLOBAL), kDiskTrouble, "write", path_.string());
  need(H5Idec_ref(handle_.release()), kDiskTrouble, "close", path_.string());
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("{}.{}.{}", major, minor, release);
}

}  // namespace strata::base
