// Unmounts filed's own mount at the launcher's end, and no other that may lie on the same
// directory. It is known by its mount ID, noted after the mount was made.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"

namespace filed {

class OwnMount {
 public:
  OwnMount(std::string dir, bool use_fusermount)
      : dir_(std::move(dir)), use_fusermount_(use_fusermount) {}

  // What is mounted on the directory now is ours.
  void note();

  // Unmounts it if it is still the topmost one there. Without a note() it does nothing. Waits at
  // most 5 s, for fusermount3; never for the mount's server.
  void unmount();

 private:
  const std::string dir_;
  const bool use_fusermount_;
  std::optional<int> id_;  // empty: not mounted yet
  // Reserved so that unmount() can open its two files even if no descriptor is free. Without them it
  // could not tell its own mount.
  Fd spare_[2];
};

}  // namespace filed
