// Watches the state file while filed serves it: if it, its write-ahead log or its directory is removed,
// replaced, moved or given away, what is stored from then on would be lost at the next start. Costs
// nothing while nobody does that: the kernel tells.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"

namespace filed {

class StateWatch {
 public:
  // The state of `path` is open. `serving`: the user that filed serves as. If nothing can be watched, a
  // line in the log says so.
  StateWatch(const std::string& path, uid_t serving);

  // Readable when something may have happened; negative if nothing is watched.
  int fd() const { return events_.get(); }
  // Takes what has happened. Returns what is wrong now; empty: nothing.
  std::string look();

 private:
  struct Watched {
    std::string name;
    dev_t device = 0;
    ino_t inode = 0;
    bool is_there = false;
    // What was told, if the file itself cannot be looked at.
    std::string told;
  };

  void take_events();
  void note(uint32_t mask, const std::string& name);
  std::string wrong_with(const Watched& file) const;
  std::string wrong_with_directory() const;
  bool is_known(uid_t uid) const { return uid == 0 || uid == serving_; }

  std::string path_;
  std::string directory_path_;
  uid_t serving_;
  Fd directory_;
  struct stat directory_then_ {};
  std::string directory_told_;
  std::array<Watched, 2> files_;
  Fd events_;
};

}  // namespace filed
