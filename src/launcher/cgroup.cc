#include "launcher/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/files.h"

namespace filed {
namespace {

constexpr mode_t kMode = 0755;
constexpr const char* kEvents = "cgroup.events";
constexpr const char* kAttemptAttribute = "user.filed.attempt";
constexpr size_t kMaxNumber = 24;         // longer than any 64-bit number
constexpr size_t kMaxEvents = 256;        // longer than any cgroup.events
constexpr size_t kMaxMembers = 64 << 20;  // of cgroup.procs; a machine has 4 million pids at most
constexpr int kMaxDepth = 32;             // of groups that a job has made in its own

// By an open cgroup.events. True also if it cannot be read.
bool is_populated(const Fd& events) {
  if (!events) return true;
  char text[kMaxEvents];
  ssize_t size = pread(events.get(), text, sizeof text, 0);
  return size < 0 || !std::string_view(text, static_cast<size_t>(size)).starts_with("populated 0");
}

// A directory has one link more for each directory in it.
bool has_groups(int directory) {
  struct stat st {};
  return fstat(directory, &st) != 0 || st.st_nlink != 2;
}

// Removes a group, and those below it that are empty. Returns 0 or an errno.
int remove_tree(int parent, const char* name, int depth) {
  if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
  int error = errno;
  if (depth == 0 || error != EBUSY) return error;
  Fd directory(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return error;
  bool removed = false;
  for (const std::string& group : groups_in(directory.get())) {
    removed = remove_tree(directory.get(), group.c_str(), depth - 1) == 0 || removed;
  }
  if (!removed) return error;
  return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

// Adds the processes of a group and of those below it.
int list_members(int directory, std::vector<pid_t>& pids, int depth) {
  Fd file(openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  if (!file) return errno;
  std::string text;
  if (int error = read_all(file.get(), kMaxMembers, text)) return error;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    auto [next, error] = std::from_chars(at, end, pid);
    if (error != std::errc()) break;
    // 0 stands for a process that is not in our pid namespace.
    if (pid > 0) pids.push_back(pid);
    at = next + 1;
  }
  if (depth == 0 || !has_groups(directory)) return 0;
  for (const std::string& name : groups_in(directory)) {
    Fd inner(openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (inner) list_members(inner.get(), pids, depth - 1);
  }
  return 0;
}

}  // namespace

int kill_cgroup(int kill_file) noexcept {
  ssize_t n;
  do {
    n = write(kill_file, "1", 1);
  } while (n < 0 && errno == EINTR);
  return n < 0 ? errno : 0;
}

std::vector<std::string> groups_in(int directory) {
  std::vector<std::string> names;
  // A descriptor of its own, because readdir(3) moves the offset.
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return names;
  std::unique_ptr<DIR, int (*)(DIR*)> list(fdopendir(fd), closedir);
  if (!list) {
    close(fd);
    return names;
  }
  while (dirent* entry = readdir(list.get())) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

int Cgroup::make(int parent, const std::string& name) {
  if (mkdirat(parent, name.c_str(), kMode) != 0) return errno;
  int error = open(parent, name);
  if (error != 0) unlinkat(parent, name.c_str(), AT_REMOVEDIR);
  return error;
}

int Cgroup::open(int parent, const std::string& name) {
  Fd directory(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return errno;
  Fd kill(openat(directory.get(), "cgroup.kill", O_WRONLY | O_CLOEXEC));
  if (!kill) return errno;
  parent_ = parent;
  name_ = name;
  directory_ = std::move(directory);
  kill_ = std::move(kill);
  return 0;
}

bool is_group_populated(int parent, const std::string& name) {
  std::string path = name + "/" + kEvents;
  Fd events(openat(parent, path.c_str(), O_RDONLY | O_CLOEXEC));
  return is_populated(events);
}

int remove_group(int parent, const std::string& name) {
  return remove_tree(parent, name.c_str(), kMaxDepth);
}

bool Cgroup::is_populated() {
  if (!events_) events_.reset(openat(directory_.get(), kEvents, O_RDONLY | O_CLOEXEC));
  return filed::is_populated(events_);
}

int Cgroup::members(std::vector<pid_t>& pids) const {
  pids.clear();
  return list_members(directory_.get(), pids, kMaxDepth);
}

int Cgroup::own_members(std::vector<pid_t>& pids) const {
  pids.clear();
  return list_members(directory_.get(), pids, 0);
}

int Cgroup::procs_file() {
  if (!procs_) procs_.reset(openat(directory_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  return procs_.get();
}

int Cgroup::kill() {
  killed_ = true;
  return kill_cgroup(kill_.get());
}

int Cgroup::set_attempt(uint64_t attempt) {
  char text[kMaxNumber];
  char* end = std::to_chars(text, text + sizeof text, attempt).ptr;
  auto size = static_cast<size_t>(end - text);
  return fsetxattr(directory_.get(), kAttemptAttribute, text, size, 0) == 0 ? 0 : errno;
}

std::optional<uint64_t> Cgroup::attempt() const {
  char text[kMaxNumber];
  ssize_t size = fgetxattr(directory_.get(), kAttemptAttribute, text, sizeof text);
  uint64_t attempt = 0;
  if (size <= 0 || std::from_chars(text, text + size, attempt).ec != std::errc()) {
    return std::nullopt;
  }
  return attempt;
}

int Cgroup::set_limits(const GroupLimits& limits) {
  if (limits == limits_) return 0;
  int error = set_group_limits(directory_.get(), limits_, limits);
  if (error == 0) limits_ = limits;
  return error;
}

bool Cgroup::ran_out_of_memory() const {
  return limits_.memory && filed::ran_out_of_memory(directory_.get());
}

int Cgroup::remove() {
  int error = remove_group(parent_, name_);
  if (error == 0) directory_.reset();
  return error;
}

}  // namespace filed
