#include "launcher/cgroup_tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/files.h"
#include "base/mount_table.h"
#include "launcher/cgroup.h"
#include "launcher/cgroup_clone.h"

// The same numbers on every machine. Older headers lack them.
#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif

namespace filed {
namespace {

// Of <linux/mount.h>, which does not go with <sys/mount.h> of all C libraries.
constexpr unsigned kFsopenCloexec = 1;
constexpr unsigned kFsconfigCreate = 6;
constexpr unsigned kFsmountCloexec = 1;
constexpr unsigned kMountAttributes = 0x2 | 0x4 | 0x8;  // nosuid, nodev, noexec

constexpr std::string_view kNamePrefix = "filed-";
constexpr std::string_view kDaemonGroup = "filed-daemon";
constexpr Controllers kAllControllers = {true, true};
constexpr const char* kSupervisor = "supervise-daemon";  // of OpenRC; in the service's cgroup, too
constexpr size_t kMaxName = 64;
constexpr mode_t kMode = 0755;
constexpr const char* kProbe = "probe";
constexpr std::string_view kUnifiedLine = "0::";  // of /proc/self/cgroup

// The path of this process's own cgroup; empty if the kernel has no cgroup2.
std::string own_cgroup() {
  for (const std::string& line : read_lines("/proc/self/cgroup")) {
    if (line.starts_with(kUnifiedLine)) return line.substr(kUnifiedLine.size());
  }
  return "";
}

// A mount without a place in the tree of files.
Fd mount_cgroups() {
  Fd context(static_cast<int>(syscall(SYS_fsopen, "cgroup2", kFsopenCloexec)));
  if (!context) return Fd();
  if (syscall(SYS_fsconfig, context.get(), kFsconfigCreate, nullptr, nullptr, 0) != 0) return Fd();
  return Fd(
      static_cast<int>(syscall(SYS_fsmount, context.get(), kFsmountCloexec, kMountAttributes)));
}

Fd open_directory(int parent, const std::string& path) {
  // Relative, also for "/".
  std::string relative = "." + path;
  return Fd(openat(parent, relative.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int wait_for(pid_t pid) {
  int status = -1;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Whether a process that is cloned into the group lives long enough to exit by itself.
bool can_clone(const Cgroup& group) {
  pid_t pid = fork_into_cgroup(group.directory());
  if (pid == 0) {
    for (;;) syscall(SYS_exit_group, 0);
  }
  return pid > 0 && wait_for(pid) == 0;
}

// Whether a process can write itself into the group. Returns 0 or an errno.
int try_write(const Cgroup& group) {
  Fd procs(openat(group.directory(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!procs) return errno;
  pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    int error = enter_cgroup(procs.get());
    for (;;) syscall(SYS_exit_group, error);
  }
  int status = wait_for(pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

// Moves this process out of an inner group into one of its own, with a supervisor that is also
// there. Returns 0 or an errno: EBUSY if others are there, which are not ours to move.
int move_daemon(int directory) {
  const std::string name(kDaemonGroup);
  std::vector<pid_t> pids;
  Cgroup own, daemon;
  if (int error = own.open(directory, ".")) return error;
  if (int error = own.own_members(pids)) return error;
  std::string parent;
  read_file("/proc/" + std::to_string(getppid()) + "/comm", kMaxName, parent);
  bool supervised = parent == std::string(kSupervisor) + "\n";
  for (pid_t pid : pids) {
    if (pid != getpid() && !(supervised && pid == getppid())) return EBUSY;
  }
  if (mkdirat(directory, name.c_str(), kMode) != 0 && errno != EEXIST) return errno;
  if (int error = daemon.open(directory, name)) return error;
  for (pid_t pid : pids) {
    if (int error = move_to_cgroup(daemon.procs_file(), pid)) return error;
  }
  return 0;
}

// The process that has locked the directory: empty if none has, 0 if it cannot be told or seen.
std::optional<pid_t> locker(int directory) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(directory, F_GETLK, &lock) != 0) return 0;
  if (lock.l_type == F_UNLCK) return std::nullopt;
  return std::max(lock.l_pid, 0);
}

// Opens the directory of a launcher's groups. Returns 0 or an errno.
int open_place(const CgroupSystem& system, const std::string& place, Cgroup& all) {
  Fd parent = open_directory(system.root.get(), directory_of(place));
  if (!parent) return errno;
  return all.open(parent.get(), place.substr(place.rfind('/') + 1));
}

}  // namespace

CgroupSystem find_cgroups() {
  CgroupSystem system;
  system.own = own_cgroup();
  if (system.own.empty()) {
    system.reason = "the kernel has no cgroup2";
    return system;
  }
  if (system.own.starts_with("/..")) {
    system.reason = "filed's own cgroup is outside of its cgroup namespace";
    return system;
  }
  std::vector<MountLine> mounts;
  try {
    mounts = read_mount_table(open_mount_table().get());
  } catch (const Error& error) {
    system.reason = error.what();
    return system;
  }
  for (const MountLine& mount : mounts) {
    if (mount.type != "cgroup2" || mount.root != "/") continue;
    if (mount.is_read_only) {
      system.reason = "the file system of cgroups is mounted read-only";
      continue;
    }
    system.root.reset(open(mount.place.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    system.mounted = true;
    if (system.root) return system;
    system.reason = strerror(errno);
  }
  if (!system.reason.empty()) return system;
  system.root = mount_cgroups();
  if (!system.root) system.reason = std::string("no cgroup2 is mounted: ") + strerror(errno);
  return system;
}

CgroupTree::CgroupTree(const CgroupSystem& system, const std::string& token, bool with_limits)
    : reason_(system.reason), limits_reason_(system.reason) {
  if (!system.root) return;
  std::string own = system.own;
  // A supervisor that was moved there starts filed there.
  if (own.ends_with("/" + std::string(kDaemonGroup))) own = directory_of(own);
  parent_ = open_directory(system.root.get(), own);
  std::string name = std::string(kNamePrefix) + token;
  place_ = (own == "/" ? "" : own) + "/" + name;
  int error = parent_ ? all_.make(parent_.get(), name) : errno;
  if (error == 0 && with_limits) provide_controllers();
  if (error == 0) error = probe();
  if (error == 0) return;
  if (all_) all_.remove();
  all_ = Cgroup();
  reason_ = place_ + ": " + strerror(error);
  place_.clear();
}

// Gives the controllers to the attempts' groups, as far as that is possible.
void CgroupTree::provide_controllers() {
  Controllers available = read_controllers(parent_.get(), "cgroup.controllers");
  if (available != kAllControllers) {
    limits_reason_ = "cgroup.controllers has not both memory and pids";
  }
  Controllers enabled = read_controllers(parent_.get(), "cgroup.subtree_control");
  int error = 0;
  // The root of all is no inner group: processes may stay there.
  bool is_root = faccessat(parent_.get(), "cgroup.type", F_OK, 0) != 0;
  if (available.any() && enabled != available) {
    if (!is_root) error = move_daemon(parent_.get());
    if (error == 0) error = enable_controllers(parent_.get(), available);
  }
  if (error == 0) error = enable_controllers(all_.directory(), available);
  if (error == EBUSY) {
    limits_reason_ = "other processes are in filed's own cgroup";
  } else if (error != 0) {
    limits_reason_ = strerror(error);
  }
  controllers_ = read_controllers(all_.directory(), "cgroup.subtree_control");
}

// Tries with a group that is removed again. Returns 0 or an errno.
int CgroupTree::probe() {
  Cgroup group;
  if (int error = group.make(directory(), kProbe)) return error;
  int error = group.set_attempt(Cgroup::kNoAttempt);
  if (error == 0 && !can_clone(group)) {
    entry_ = CgroupEntry::kWrite;
    error = try_write(group);
  }
  group.remove();
  return error;
}

std::vector<int> CgroupTree::descriptors() const {
  if (!*this) return {};
  return {parent_.get(), all_.directory(), all_.kill_file()};
}

int CgroupTree::lock() const {
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(directory(), F_SETLK, &lock) == 0 ? 0 : errno;
}

Leftovers kill_crash_leftovers(const CgroupSystem& system, const std::string& place,
                               LockedTree locked) {
  Leftovers left;
  if (!system.root) return left;
  Cgroup all;
  if (int error = open_place(system, place, all)) {
    if (error == ENOENT) left.state = Leftovers::State::kNone;
    return left;
  }
  if (locked == LockedTree::kSpare && locker(all.directory())) {
    left.state = Leftovers::State::kLocked;
    return left;
  }
  bool kept = false;
  for (const std::string& name : groups_in(all.directory())) {
    Cgroup group;
    if (group.open(all.directory(), name) != 0 || !group.is_populated()) continue;
    std::optional<uint64_t> attempt = group.attempt();
    if (attempt == Cgroup::kNoAttempt) {
      kept = true;
      continue;
    }
    std::vector<pid_t> pids;
    group.members(pids);
    for (pid_t pid : pids) left.processes.push_back({attempt.value_or(Cgroup::kNoAttempt), pid});
    group.kill();
  }
  all.remove();
  left.state = !left.processes.empty() ? Leftovers::State::kDying
               : kept                  ? Leftovers::State::kKept
                                       : Leftovers::State::kNone;
  return left;
}

void kill_locker(const CgroupSystem& system, const std::string& place) {
  Cgroup all;
  if (!system.root || open_place(system, place, all) != 0) return;
  pid_t pid = locker(all.directory()).value_or(0);
  if (pid <= 0) return;
  Fd process = open_process(pid);
  // Looked at once more: until it was opened, the number could have become another process's.
  if (!process || locker(all.directory()) != pid) return;
  syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

}  // namespace filed
