// Follows a path to its file as the kernel does, and lists the directories that were searched on
// the way.
#pragma once

#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace filed {

// Identifies a file.
struct FileId {
  dev_t dev = 0;
  ino_t ino = 0;
  bool operator==(const FileId&) const = default;
};

inline FileId file_id(const struct stat& st) { return {st.st_dev, st.st_ino}; }

struct Resolved {
  Fd fd;  // O_PATH of what the path leads to
  struct stat st {};
  // Every directory in which a name of the path, or of a symlink on its way, was looked up. A
  // process that may write to one of them can make the path lead anywhere.
  std::vector<FileId> directories;
};

// Returns 0 or an errno, as open(2) would.
int resolve(const std::string& path, Resolved* out);

}  // namespace filed
