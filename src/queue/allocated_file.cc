#include "queue/allocated_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace filed {
namespace {

constexpr int64_t kBlockSize = 512;  // of st_blocks

int allocate(int fd, int64_t offset, int64_t size) {
  while (fallocate(fd, 0, offset, size) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

AllocatedFile::AllocatedFile(Fd fd) : fd_(std::move(fd)) {
  look();
  struct stat st {};
  bool has_holes = fstat(fd_.get(), &st) == 0 && int64_t{st.st_blocks} * kBlockSize < st.st_size;
  if (has_holes) allocate(fd_.get(), 0, st.st_size);
}

void AllocatedFile::look() {
  struct stat st {};
  if (fstat(fd_.get(), &st) == 0) size_ = st.st_size;
}

int AllocatedFile::grow(int64_t size) {
  if (size <= size_) return 0;
  if (!fd_) {
    size_ = size;
    return 0;
  }
  int error = allocate(fd_.get(), size_, size - size_);
  if (error == EOPNOTSUPP || error == ENOSYS) error = write_zeros(size);
  // After an error a part may have its place.
  look();
  return error;
}

// For a file system without fallocate(2).
int AllocatedFile::write_zeros(int64_t size) {
  static constexpr std::array<char, 64 << 10> kZeros{};
  for (int64_t at = size_; at < size;) {
    auto piece = static_cast<size_t>(std::min<int64_t>(size - at, kZeros.size()));
    ssize_t written = pwrite(fd_.get(), kZeros.data(), piece, at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    at += written;
  }
  return 0;
}

}  // namespace filed
