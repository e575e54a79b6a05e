// The directory that the queue is mounted on: from the check at the start to what is left of the
// mount at the end.
//
// A lock (flock) on the directory is held as long as filed lives, so that of two starts at the same
// time only one goes on. The directory is reached by its descriptor, not by its path: a user who may
// rename a directory above it can neither have filed mount elsewhere nor have it unmount something
// else.
#pragma once

#include <string>

#include "base/fd.h"

namespace filed {

class MountPoint {
 public:
  // Unmounts what a dead filed has left there, and locks the directory. Throws Error if it is
  // missing, is no directory, is in use by another filed, or is not empty.
  explicit MountPoint(const std::string& dir);

  // Its absolute path, without symbolic links.
  const std::string& path() const { return path_; }

  // What mount(2) is to mount on: the very directory that was checked.
  std::string target() const;

  // The queue was mounted on it: finds the mount. Throws Error, with the mount undone where
  // this process may unmount, if it is not at path().
  void mounted();

  // A new descriptor of the root of the mount. The kernel opens it without a request to the mount.
  Fd root() const;

  // Gives EPOLLPRI when any mount of the system has changed; then ask is_detached(), which is true
  // after an unmount by another process, and false if that cannot be found out. The kernel sends no
  // event for the unmount itself, because the notifier keeps the mount busy.
  int table_fd() const { return table_.get(); }
  bool is_detached() const;

  // At the end: logs what is left of the mount, and bind mounts of it. Returns false if it still
  // stands.
  bool tell_what_is_left() const;

 private:
  bool try_to_take(const std::string& dir);

  std::string path_;
  Fd directory_;  // locked
  Fd table_;      // mountinfo
  Fd root_;       // of the mount
  int id_ = -1;   // of the mount; -1: not mounted yet
  std::string device_;
};

}  // namespace filed
