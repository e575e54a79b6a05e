// The user behind a request, and a change of attributes that a user asks for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace filed {

struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  bool group_of_directory = false;  // `gid` is that of a setgid directory
};

// What chmod, chown, touch and truncate change. An empty field stays as it is.
struct AttributeChange {
  std::optional<mode_t> mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<int64_t> size;      // bytes
  std::optional<int64_t> atime_ns;  // wall time
  std::optional<int64_t> mtime_ns;
};

}  // namespace filed
