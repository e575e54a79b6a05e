// The mount: mounts the queue, and receives the kernel's requests. The Filesystem answers them.
#pragma once

#include <fuse_lowlevel.h>

#include "config/settings.h"
#include "mount/filesystem.h"
#include "mount/mount_point.h"

namespace filed {

// True if other users may access the mount. Root may always allow that, other users only if
// /etc/fuse.conf has user_allow_other. Throws Error if it is configured and not permitted.
bool decide_allow_other(AllowOther wanted);

class Session {
 public:
  // Mounts `filesystem` on `point`: with mount(2), or with fusermount3 if this process may not.
  // Throws Error.
  Session(Filesystem& filesystem, MountPoint& point, bool allow_other);
  // Closes the connection to the kernel. The launcher unmounts.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int fd() const;  // readable when there are requests; never blocks

  // Serves the requests that have arrived, at most 256 of them, so that other events get their turn.
  // Returns false if the mount is gone.
  bool serve();

 private:
  Filesystem& filesystem_;
  fuse_session* session_ = nullptr;
  fuse_buf buffer_{};
};

}  // namespace filed
