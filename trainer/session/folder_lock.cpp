#include "trainer/session/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace strata::trainer {

FolderLock::FolderLock(const std::filesystem::path& run) {
  const std::filesystem::path file = run / "log" / "lock";
  descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    throw base::UserError(base::kDiskTrouble,
                          fmt::format("{}: {}", file.string(), std::strerror(errno)));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int reason = errno;
  close(descriptor_);
  descriptor_ = -1;
  // A file system without locks (some network ones) must not stop a run.
  if (reason == EWOULDBLOCK) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("{} is in use by another process; choose another run.dir or wait for its end",
                    run.string()));
  }
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace strata::trainer
