// The mount itself: from the check of the mount point to the kernel's last request.
#pragma once

#include <fuse_lowlevel.h>

#include <string>

#include "base/fd.h"
#include "config/settings.h"
#include "mount/filesystem.h"

namespace filed {

// The directory to mount on as one absolute path without links. Detaches what a filed that was
// killed has left there. Throws Error: not there, not a directory, in use by another filed, not
// empty.
std::string prepare_mount_point(const std::string& dir);

// Takes a mount off its directory, whoever still uses it: with umount2 where we may, else with
// fusermount3. For a mount that nobody serves any more.
void unmount(const std::string& dir);

// Whether other users get to see the mount: root may always allow it, others where /etc/fuse.conf
// has user_allow_other. Throws Error when it is asked for and not permitted.
bool decide_allow_other(AllowOther wanted);

class Session {
 public:
  // Mounts `filesystem` on `dir`, as prepare_mount_point() gave it; by fusermount3 where this
  // process may not mount. Throws Error.
  Session(Filesystem& filesystem, const std::string& dir, bool allow_other);
  // Leaves the mount to the launcher, which detaches it.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::string& mount_dir() const { return mount_dir_; }
  int fd() const;  // readable when there are requests; never blocks

  // Gives EPOLLPRI when any mount has changed; then is_attached() may be false: somebody has taken
  // the mount off its directory. The kernel does not tell as long as the mount is in use, and it
  // always is, by the notifier.
  int mounts_fd() const { return mounts_.get(); }
  bool is_attached() const;

  // Serves the requests that have come, up to a bound that lets others have their turn. Returns
  // false when the mount is gone.
  bool serve();

 private:
  std::string mount_dir_;
  fuse_session* session_ = nullptr;
  fuse_buf buffer_{};
  Fd mounts_;
  std::string mount_;  // how its line in mountinfo begins
};

}  // namespace filed
