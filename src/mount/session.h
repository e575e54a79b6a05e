// The mount: checks the mount point, mounts, and receives the kernel's requests. The Filesystem
// answers the requests. At its end the launcher unmounts: unmount() is for the helper processes.
#pragma once

#include <fuse_lowlevel.h>

#include <string>

#include "base/fd.h"
#include "config/settings.h"
#include "mount/filesystem.h"

namespace filed {

// The directory to mount on, as an absolute path without symbolic links. Unmounts what a killed filed
// has left there. Throws Error if the directory is missing, is no directory, is in use by another
// filed, or is not empty.
std::string prepare_mount_point(const std::string& dir);

// Unmounts lazily (MNT_DETACH), also while programs use the mount: with umount2, or with fusermount3
// if this process may not. Only for a mount that is no longer served.
void unmount(const std::string& dir);

// True if other users may access the mount. Root may always allow that, other users only if
// /etc/fuse.conf has user_allow_other. Throws Error if it is configured and not permitted.
bool decide_allow_other(AllowOther wanted);

class Session {
 public:
  // Mounts `filesystem` on `dir`, which prepare_mount_point() has returned: with mount(2), or with
  // fusermount3 if this process may not. Throws Error.
  Session(Filesystem& filesystem, const std::string& dir, bool allow_other);
  // Closes the connection to the kernel. The launcher unmounts.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::string& mount_dir() const { return mount_dir_; }
  int fd() const;  // readable when there are requests; never blocks

  // Gives EPOLLPRI when any mount of the system has changed; then ask is_detached(), which is true
  // after an unmount by another process, and false if that cannot be found out. The kernel sends no
  // event for the unmount itself, because the notifier keeps the mount busy.
  int mounts_fd() const { return mounts_.get(); }
  bool is_detached() const;

  // Serves the requests that have arrived, at most 256 of them, so that other events get their turn.
  // Returns false if the mount is gone.
  bool serve();

 private:
  std::string mount_dir_;
  fuse_session* session_ = nullptr;
  fuse_buf buffer_{};
  Fd mounts_;
  std::string mount_id_;  // the beginning of its line in mountinfo
};

}  // namespace filed
