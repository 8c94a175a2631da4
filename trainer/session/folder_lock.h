// One process at a time trains in a run's folder: two would write the same files. The lock goes
// with its process, however that ends.
#pragma once

#include <filesystem>

namespace strata::trainer {

class FolderLock {
 public:
  /// UserError (kBadUsage) where another process holds it.
  explicit FolderLock(const std::filesystem::path& run);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace strata::trainer
