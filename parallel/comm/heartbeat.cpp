#include "parallel/comm/heartbeat.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "parallel/comm/collectives.h"

namespace strata::parallel {
namespace {

constexpr size_t kMemoryPage = 4096;
constexpr size_t kPageBytes = (sizeof(TracePage) + kMemoryPage - 1) / kMemoryPage * kMemoryPage;

off_t place_of(int index) { return static_cast<off_t>(kPageBytes) * index; }

[[noreturn]] void refuse(const std::filesystem::path& path, const char* what) {
  throw base::UserError(base::kDiskTrouble, fmt::format("{}: cannot {}: {}", path.string(), what,
                                                        std::strerror(errno)));
}

// A new file under an own name first: nobody can open the one that an earlier run left.
void make_fresh(const std::filesystem::path& path, int pages) {
  std::filesystem::path fresh = path;
  fresh += ".new";
  const int file = open(fresh.c_str(), O_CREAT | O_TRUNC | O_RDWR, 0644);
  if (file < 0) refuse(fresh, "make the file");
  // Reserved, not only sized: a store into the mapping must not find the disk full.
  errno = posix_fallocate(file, 0, place_of(pages));
  if (errno != 0) refuse(fresh, "reserve its space");
  close(file);
  if (rename(fresh.c_str(), path.c_str()) != 0) refuse(path, "rename to");
}

// A network file system may show the new name to other hosts a little later.
int open_when_there(const std::filesystem::path& path) {
  for (int tries = 0;; ++tries) {
    const int file = open(path.c_str(), O_RDWR);
    if (file >= 0) return file;
    if (errno != ENOENT || tries == 100) refuse(path, "open the file");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

/// A file in memory under a name that nobody has.
int make_in_memory(std::string& name, int pages) {
  for (int i = 0;; ++i) {
    name = fmt::format("/strata.heartbeat.{}.{}", getpid(), i);
    const int file = shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
    if (file < 0 && errno == EEXIST) continue;
    if (file < 0) refuse(name, "make shared memory");
    errno = posix_fallocate(file, 0, place_of(pages));
    if (errno == 0) return file;
    const int why = errno;
    shm_unlink(name.c_str());
    errno = why;
    refuse(name, "reserve shared memory");
  }
}

}  // namespace

bool spans_hosts(Communicator& world) {
  const std::string_view host = world.trace().page().host;
  const auto number = static_cast<double>(std::hash<std::string_view>{}(host) >> 12);
  return all_max(world, number) != all_min(world, number);
}

struct HeartbeatFile::Notice {
  std::atomic<int32_t> hang;
};

HeartbeatFile::HeartbeatFile(const std::filesystem::path& path, Communicator& world)
    : path_(path), ranks_(world.size()), several_hosts_(spans_hosts(world)) {
  if (world.rank() == 0) make_fresh(path, ranks_ + 1);
  world.barrier();
  file_ = open_when_there(path);
  map_pages(world);
}

HeartbeatFile::HeartbeatFile(Communicator& world) : ranks_(world.size()), several_hosts_(false) {
  std::string name;
  if (world.rank() == 0) file_ = make_in_memory(name, ranks_ + 1);
  name = broadcast_string(world, name);
  if (world.rank() != 0) file_ = shm_open(name.c_str(), O_RDWR, 0600);
  if (file_ < 0) refuse(name, "open shared memory");
  world.barrier();
  if (world.rank() == 0) shm_unlink(name.c_str());
  map_pages(world);
}

void HeartbeatFile::map_pages(Communicator& world) {
  notice_ = static_cast<Notice*>(map_page(0));
  own_page_ = static_cast<TracePage*>(map_page(world.rank() + 1));
}

HeartbeatFile::~HeartbeatFile() {
  munmap(own_page_, kPageBytes);
  munmap(static_cast<void*>(notice_), kPageBytes);
  close(file_);
}

void* HeartbeatFile::map_page(int index) const {
  void* page =
      mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, place_of(index));
  if (page == MAP_FAILED) refuse(path_, "map the file");
  return page;
}

TracePages HeartbeatFile::read_pages() const {
  TracePages pages;
  // Opened anew, a network file system looks again.
  const int file = several_hosts_ ? open(path_.c_str(), O_RDONLY) : file_;
  for (int rank = 0; rank < ranks_; ++rank) {
    auto& page = pages.emplace_back(new TracePage{});
    const ssize_t got =
        pread(file, static_cast<void*>(page.get()), sizeof(TracePage), place_of(rank + 1));
    page->rank = rank;
    if (got != sizeof(TracePage)) page->beat_ns = 0;
  }
  if (several_hosts_) close(file);
  return pages;
}

void HeartbeatFile::publish() const {
  if (several_hosts_) msync(own_page_, kPageBytes, MS_SYNC);
}

void HeartbeatFile::declare_hang() {
  notice_->hang = 1;
  if (several_hosts_) msync(static_cast<void*>(notice_), kPageBytes, MS_SYNC);
}

bool HeartbeatFile::hang_declared() const {
  if (!several_hosts_) return notice_->hang != 0;
  int32_t hang = 0;
  const int file = open(path_.c_str(), O_RDONLY);
  const ssize_t got = pread(file, &hang, sizeof hang, 0);
  close(file);
  return got == sizeof hang && hang != 0;
}

}  // namespace strata::parallel
