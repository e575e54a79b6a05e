// What filed remembers of an open file of the mount, from the open to the release: which job or
// special file it is, how it was opened, and the text of a special file.
#pragma once

#include <fcntl.h>
#include <fuse_lowlevel.h>

#include <cstdint>

#include "mount/edit_buffer.h"
#include "mount/special_files.h"
#include "queue/open_files.h"

namespace filed {

// The kernel keeps its address, as fuse_file_info::fh, from the open to the release.
struct OpenFile {
  // `flags` as for open(2).
  OpenFile(fuse_ino_t opened_ino, int flags)
      : ino(opened_ino), special(find_special(opened_ino)), append((flags & O_APPEND) != 0) {}

  // How it is opened for the kernel: without the page cache, because a log grows without a request.
  fuse_file_info info(const fuse_file_info& asked) const {
    fuse_file_info fi = asked;
    fi.direct_io = 1;
    fi.fh = reinterpret_cast<uint64_t>(this);
    return fi;
  }

  fuse_ino_t ino;
  const SpecialFile* special;  // nullptr: a job
  bool append;
  OpenJob job;        // of a job
  EditBuffer buffer;  // of a special file
};

}  // namespace filed
