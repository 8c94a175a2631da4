// Damaging files on purpose.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>

namespace strata::tests {

/// Flips the bits of `change` in one byte of a file; the same call again mends it.
inline void flip_byte(const std::filesystem::path& file, size_t at, unsigned char change = 1) {
  const int fd = ::open(file.c_str(), O_RDWR);
  unsigned char byte = 0;
  bool done = ::pread(fd, &byte, 1, static_cast<off_t>(at)) == 1;
  byte = static_cast<unsigned char>(byte ^ change);
  done = done && ::pwrite(fd, &byte, 1, static_cast<off_t>(at)) == 1;
  ::close(fd);
  if (!done) throw std::filesystem::filesystem_error("no byte there", file, std::error_code());
}

}  // namespace strata::tests
