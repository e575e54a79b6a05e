// Where filed's cgroups are: one directory for each launcher, named filed-TOKEN, with a group for
// each attempt below it. The place for it is the first of these that can be had:
//
//   1. below the cgroup that filed was started in, if filed may make directories there, as it may
//      when it is root, or when a service manager has delegated the cgroup to it (Delegate=yes).
//      Limits that are set on the service hold for its jobs, too.
//   2. the same through a mount of the cgroup2 file system that only filed sees, if root started it
//      and none is mounted.
//   3. nowhere: the reason is told, and attempts are kept together by containment.h's marks.
//
// The launcher holds a lock on the directory (fcntl(2), F_RDLCK) as long as it lives. A directory
// that nobody has locked is one that a crash has left. The names of the directories that may still
// exist are kept in the state, and a name is random. So a start kills what its own state's earlier
// launchers have left, and nothing of another filed, even if the state was copied while the other
// one runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "launcher/cgroup.h"
#include "launcher/process_table.h"

namespace filed {

// How a child gets into its group.
enum class CgroupEntry : uint8_t {
  kClone,  // CLONE_INTO_CGROUP
  kWrite,  // it writes itself into cgroup.procs, because the other way was tried and does not work
};

// The file system of cgroups, and filed's own cgroup in it.
struct CgroupSystem {
  Fd root;          // of the file system, as far as this process sees it; empty if there is none
  std::string own;  // the path of filed's own cgroup from there: "/" or "/system.slice/x.service"
  bool mounted = false;  // false: by a mount of our own
  std::string reason;    // why there is none
};

// Opens it by the mounts of this process, or else by a mount of its own. Never throws for lack of
// one.
CgroupSystem find_cgroups();

class CgroupTree {
 public:
  CgroupTree() = default;  // none

  // Makes the directory below `system.own`, with controllers for limits if `with_limits`: for that
  // filed moves into a group of its own, filed-daemon, because there may be no processes in an inner
  // group. Tries with two processes how a child gets into a
  // group. If that fails, the tree is empty and reason() says why. Call it before threads or
  // children exist. `token` has only letters and digits.
  CgroupTree(const CgroupSystem& system, const std::string& token, bool with_limits = false);

  explicit operator bool() const { return static_cast<bool>(all_); }
  int directory() const { return all_.directory(); }
  CgroupEntry entry() const { return entry_; }

  // The path of the directory below the root of the file system.
  const std::string& place() const { return place_; }
  const std::string& reason() const { return reason_; }

  // What can limit an attempt as a whole; and why that is not all, if something is missing.
  const Controllers& controllers() const { return controllers_; }
  const std::string& limits_reason() const { return limits_reason_; }

  // The descriptors that the launcher needs, too.
  std::vector<int> descriptors() const;

  // Says that the calling process lives. Returns 0 or an errno. The lock goes with the process, or
  // when the process closes any descriptor of this directory.
  int lock() const;

  // For filed when the launcher has died: kills all processes in all groups, also those that jobs
  // have left on purpose. Needs no rights. Does not wait. Returns 0 or an errno.
  int kill() { return all_.kill(); }
  bool is_populated() { return all_.is_populated(); }

  // Removes the directory, and empty groups in it. Returns 0 or an errno: EBUSY if there are
  // processes.
  int remove() { return all_.remove(); }

 private:
  void provide_controllers();
  int probe();

  Fd parent_;
  Cgroup all_;  // the directory
  std::string place_;
  std::string reason_;
  std::string limits_reason_;
  Controllers controllers_;
  CgroupEntry entry_ = CgroupEntry::kClone;
};

// What an earlier launcher has left in the directory at one place.
struct Leftovers {
  enum class State : uint8_t {
    kNone,     // the directory is gone, or was empty and is removed
    kKept,     // only what jobs have left on purpose, which lives on
    kDying,    // processes have got SIGKILL and have not ended yet: look again
    kLocked,   // its launcher lives: nothing was done
    kUnknown,  // it could not be looked at
  };

  State state = State::kUnknown;
  // What has not ended yet. Cgroup::kNoAttempt: it is not known of which attempt.
  std::vector<AttemptProcess> processes;
};

enum class LockedTree : uint8_t { kSpare, kKill };

// Kills what is in the groups there, but not what was left on purpose, and with LockedTree::kSpare
// nothing if the directory is locked. Does not wait.
Leftovers kill_crash_leftovers(const CgroupSystem& system, const std::string& place,
                               LockedTree locked = LockedTree::kSpare);

// Sends SIGKILL to the launcher that has locked the directory there, if this process can see it.
void kill_locker(const CgroupSystem& system, const std::string& place);

}  // namespace filed
