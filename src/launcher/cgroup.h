// One control group (cgroup v2) that holds the processes of one attempt, and nothing else.
//
// What a process does to its session, its parent or its environment does not take it out of its
// group, and all of a group is killed by one write. So the cost of a kill depends on what is killed
// only, and nothing has to be read of a user's process.
//
// Linux 6.18 kills a process at birth that is cloned (CLONE_INTO_CGROUP) into a group that was ever
// killed. So a group that was killed is removed and never used again.
//
// The serving process kills an attempt itself, without waiting for the launcher, by kill_file()
// (kill_files.h); the write needs no right. The two agree by the word of the order (order_words.h):
//
//   - The child itself changes kTaken to kRunning, as its last step before the exec. At that time it
//     is in its group, so a kill that comes after this reaches it. If the change fails, it exits.
//   - The serving process changes kRunning to kKilledHere before it calls kill_cgroup().
//   - The launcher changes kRunning to kEnded before it gives the group back to the pool. If that
//     fails, the group was killed: it says so by set_killed().
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "launcher/cgroup_limits.h"

namespace filed {

// Kills all processes of the group by an open cgroup.kill. What forks meanwhile is killed, too.
// Does not wait for the end of the processes. Returns 0 or an errno. Async-signal-safe.
int kill_cgroup(int kill_file) noexcept;

// The names of the groups below an open directory of the file system.
std::vector<std::string> groups_in(int directory);

class Cgroup {
 public:
  Cgroup() = default;

  // Makes the directory `name` below the open directory `parent`, which must be in a cgroup2 file
  // system, and opens it. Returns 0 or an errno; ENOENT if the kernel lacks cgroup.kill (before
  // Linux 5.14). Then nothing is left.
  int make(int parent, const std::string& name);

  // The same for a directory that exists, as for one that a crash has left.
  int open(int parent, const std::string& name);

  explicit operator bool() const { return static_cast<bool>(directory_); }
  const std::string& name() const { return name_; }

  // For CLONE_INTO_CGROUP. Stays this object's.
  int directory() const { return directory_.get(); }
  // cgroup.kill, open for writing. Stays this object's.
  int kill_file() const { return kill_.get(); }

  // Whether it has processes. A zombie is none. True also if that cannot be read.
  bool is_populated();

  // The processes in it and in the groups below it. Zombies are left out. Returns 0 or an errno.
  int members(std::vector<pid_t>& pids) const;

  // Only those in it itself.
  int own_members(std::vector<pid_t>& pids) const;

  // cgroup.procs, open for writing, by which a child enters (cgroup_clone.h). Stays this object's.
  // -1 with errno if it cannot be opened.
  int procs_file();

  // See kill_cgroup(). From then on was_killed().
  int kill();
  bool was_killed() const { return killed_; }
  void set_killed() { killed_ = true; }

  // Records which attempt the group is for, in an extended attribute of the directory, so that a
  // start after a crash knows. kNoAttempt: its processes were left on purpose and live on. Returns 0
  // or an errno.
  static constexpr uint64_t kNoAttempt = 0;
  int set_attempt(uint64_t attempt);
  // What was recorded; nothing if that cannot be read.
  std::optional<uint64_t> attempt() const;

  // Sets limits, instead of those that were set before. Returns 0 or an errno.
  int set_limits(const GroupLimits& limits);
  // Whether processes were killed because its limit of memory was reached.
  bool ran_out_of_memory() const;

  // Removes the directory, and those below it as far as they are empty. Returns 0, or an errno:
  // EBUSY if there are processes. 0 also if it is gone.
  int remove();

 private:
  int parent_ = -1;  // not ours
  std::string name_;
  Fd directory_;
  Fd kill_;
  Fd events_;  // opened when they are first needed
  Fd procs_;
  bool killed_ = false;
  GroupLimits limits_;
};

}  // namespace filed
