#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace strata::base {
namespace {

/// Owns a file descriptor.
struct Descriptor {
  int fd;
  explicit Descriptor(int fd) : fd(fd) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

[[noreturn]] void disk_trouble(std::string_view doing, const fs::path& path, int error) {
  throw UserError(kDiskTrouble,
                  fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(error)));
}

/// Opens a regular file for reading and tells its size.
std::pair<int, size_t> open_for_reading(const fs::path& path, ExitCode missing) {
  const auto refuse = [&](const char* why) {
    throw UserError(missing, fmt::format("cannot read {}: {}", path.string(), why));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) refuse(std::strerror(errno));
  struct stat status {};
  const bool is_file = ::fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode);
  if (!is_file) {
    ::close(fd);
    refuse("it is a folder, a file was expected");
  }
  return {fd, static_cast<size_t>(status.st_size)};
}

void make_parent(const fs::path& path) {
  if (!path.has_parent_path()) return;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) disk_trouble("make the folder", path.parent_path(), error.value());
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// A name beside `path` that no other process of this machine uses.
fs::path name_beside(const fs::path& path, std::string_view purpose) {
  return folder_of(path) / fmt::format(".{}.{}.{}", path.filename().string(), purpose, ::getpid());
}

void remove_folder(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) disk_trouble("remove", path, error.value());
}

void rename_over(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) disk_trouble("put in place", to, errno);
}

/// What is read more than once, or by several ranks, must stay where it is.
void refuse_pipe(int fd, const fs::path& path, ExitCode missing) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || S_ISREG(status.st_mode)) return;
  throw UserError(
      missing,
      fmt::format("cannot read {}: it is a pipe or a device, a file was expected", path.string()));
}

/// Nothing can be put in its place: a terminal, a pipe, /dev/null, a standard stream.
bool is_device(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return path == "/dev/stdout" || path == "/dev/stderr" ||
         (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status));
}

}  // namespace

void require_file(const fs::path& path, ExitCode missing) {
  const Descriptor opened(open_for_reading(path, missing).first);
  refuse_pipe(opened.fd, path, missing);
}

std::string read_file(const fs::path& path, ExitCode missing) {
  const auto [fd, size] = open_for_reading(path, missing);
  const Descriptor file(fd);
  std::string content(size + 1,
                      '\0');  // one more, so that the end is seen without growing; a pipe reports 0
  for (size_t filled = 0;;) {
    if (filled == content.size()) content.resize(2 * filled);
    const ssize_t got = ::read(file.fd, content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) disk_trouble("read", path, errno);
    filled += static_cast<size_t>(got);
    if (got == 0) {
      content.resize(filled);
      return content;
    }
  }
}

void write_file(const fs::path& path, std::string_view content) {
  write_file_with(path, [&](const fs::path& temporary) {
    OutputFile(temporary, OutputFile::Mode::kReplace).write(content);
  });
}

void write_file_with(const fs::path& path,
                     const std::function<void(const fs::path& temporary)>& produce) {
  if (is_device(path)) return produce(path);
  std::error_code ignored;
  const fs::path target = fs::is_symlink(path, ignored) ? fs::weakly_canonical(path) : path;
  make_parent(target);
  const fs::path temporary = name_beside(target, "new");
  try {
    produce(temporary);
    sync_path(temporary);
    rename_over(temporary, target);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_path(folder_of(target));
}

void publish_folder(const fs::path& temporary, const fs::path& to) {
  // 1. What the folder lists must be on disk before its new name is.
  sync_path(temporary);
  // 2. An older folder of this name steps aside: rename cannot replace a folder that has files in
  // it.
  const fs::path aside = name_beside(to, "old");
  std::error_code ignored;
  const bool replaces = fs::exists(to, ignored);
  if (replaces) {
    remove_folder(aside);
    rename_over(to, aside);
  } else {
    make_parent(to);
  }
  // 3. The new one appears at once and whole.
  rename_over(temporary, to);
  sync_path(folder_of(to));
  // 4. Only then does the old one go.
  if (replaces) remove_folder(aside);
}

void sync_path(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) disk_trouble("open", path, errno);
  // Some network file systems cannot sync a folder and say EINVAL: there is nothing more to be done
  // there.
  if (::fsync(file.fd) != 0 && errno != EINVAL) disk_trouble("sync", path, errno);
}

OutputFile::OutputFile(const fs::path& path, Mode mode) : path_(path) {
  make_parent(path);
  const int start = mode == Mode::kAppend ? O_APPEND : O_TRUNC;
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | start, 0666);
  if (descriptor_ < 0) disk_trouble("create", path_, errno);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

void OutputFile::write(const void* data, size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t put = ::write(descriptor_, bytes, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) disk_trouble("write", path_, errno);
    bytes += put;
    size -= static_cast<size_t>(put);
  }
}

void OutputFile::sync() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL) disk_trouble("write", path_, errno);
}

MappedFile::MappedFile(const fs::path& path, ExitCode missing) {
  const auto [fd, size] = open_for_reading(path, missing);
  const Descriptor file(fd);
  refuse_pipe(fd, path, missing);
  size_ = size;
  if (size_ == 0) return;  // nothing can be mapped, and nothing need be
  void* mapping = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.fd, 0);
  if (mapping == MAP_FAILED) {
    size_ = 0;
    disk_trouble("map", path, errno);
  }
  data_ = static_cast<const std::byte*>(mapping);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace strata::base
