// Unmounts filed's own mount at the end, and no other that may lie on the same directory. The
// launcher does this; the notifier, if the launcher is lost.
#pragma once

#include <string>
#include <utility>

#include "base/fd.h"

namespace filed {

class OwnMount {
 public:
  OwnMount(std::string dir, bool use_fusermount)
      : dir_(std::move(dir)), use_fusermount_(use_fusermount) {}

  // `root` is open on the root of the mount, which is ours.
  void note(Fd root);

  // The root of the mount; -1 before note().
  int root() const { return root_.get(); }

  // Unmounts it lazily (MNT_DETACH), also while programs use it. Leaves it if another mount covers
  // it, because the kernel would unmount that one. Without a note() it does nothing. Waits at most
  // 5 s, for fusermount3; never for the mount's server.
  void unmount();

 private:
  const std::string dir_;
  const bool use_fusermount_;
  Fd root_;
  // Reserved so that unmount() can open its two files even if no descriptor is free.
  Fd spare_[2];
};

}  // namespace filed
