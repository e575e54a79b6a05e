// A file whose bytes have their place on the disk before they are written, so that a full disk cannot
// refuse the write.
#pragma once

#include <cstdint>

#include "base/fd.h"

namespace filed {

class AllocatedFile {
 public:
  AllocatedFile() = default;
  // `fd` is open for writing. Its holes get their place, if the disk has it. Without a descriptor nothing
  // is allocated, and nothing fails.
  explicit AllocatedFile(Fd fd);

  int fd() const { return fd_.get(); }
  // Bytes from the beginning of the file on that have their place.
  int64_t size() const { return size_; }
  // Gives all bytes up to `size` their place: those behind the end of the file become zeros. Returns 0
  // or an errno: ENOSPC, EDQUOT, EROFS, EFBIG, EIO.
  int grow(int64_t size);
  // To be called when somebody else may have truncated the file.
  void look();

 private:
  int write_zeros(int64_t size);

  Fd fd_;
  int64_t size_ = 0;
};

}  // namespace filed
