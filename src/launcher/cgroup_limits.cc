#include "launcher/cgroup_limits.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <vector>

#include "base/fd.h"
#include "base/files.h"
#include "base/text.h"

namespace filed {
namespace {

constexpr size_t kMaxFile = 4096;  // of those that are read here

std::string read_in(int directory, const char* file) {
  std::string text;
  Fd fd(openat(directory, file, O_RDONLY | O_CLOEXEC));
  if (fd) read_all(fd.get(), kMaxFile, text);
  return text;
}

int write_in(int directory, const char* file, const std::string& text) {
  Fd fd(openat(directory, file, O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  return write(fd.get(), text.data(), text.size()) < 0 ? errno : 0;
}

int write_limit(int directory, const char* file, const std::optional<int64_t>& limit) {
  return write_in(directory, file, limit ? std::to_string(*limit) : "max");
}

// The value in a line `KEY VALUE`; 0 if there is none.
int64_t value_of(const std::string& text, const std::string& key) {
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with(key + " ")) continue;
    int64_t value = 0;
    std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
    return value;
  }
  return 0;
}

}  // namespace

Controllers read_controllers(int directory, const char* file) {
  std::string text = read_in(directory, file);
  if (text.ends_with('\n')) text.pop_back();
  std::vector<std::string> names = split(text, ' ');
  auto has = [&](const char* name) { return std::ranges::find(names, name) != names.end(); };
  return {has("memory"), has("pids")};
}

int enable_controllers(int directory, const Controllers& wanted) {
  Controllers enabled = read_controllers(directory, "cgroup.subtree_control");
  if (wanted.memory && !enabled.memory) {
    if (int error = write_in(directory, "cgroup.subtree_control", "+memory")) return error;
  }
  if (wanted.pids && !enabled.pids) {
    return write_in(directory, "cgroup.subtree_control", "+pids");
  }
  return 0;
}

GroupLimits group_limits(std::span<const LimitValue> limits, const Controllers& controllers) {
  GroupLimits group;
  for (const LimitValue& limit : limits) {
    if (limit.name == "memory" && controllers.memory) {
      group.memory = std::max(limit.value, kMinGroupMemory);
    }
    if (limit.name == "processes" && controllers.pids) group.processes = limit.value;
  }
  return group;
}

int set_group_limits(int directory, const GroupLimits& from, const GroupLimits& to) {
  if (to.memory != from.memory) {
    if (int error = write_limit(directory, "memory.max", to.memory)) return error;
    // One process that is missing mostly breaks the job, and the rest would only linger.
    write_in(directory, "memory.oom.group", to.memory ? "1" : "0");
    // Otherwise the limit is of no use where there is swap. Missing if there is none.
    write_in(directory, "memory.swap.max", to.memory ? "0" : "max");
  }
  if (to.processes == from.processes) return 0;
  return write_limit(directory, "pids.max", to.processes);
}

bool ran_out_of_memory(int directory) {
  return value_of(read_in(directory, "memory.events"), "oom_kill") > 0;
}

}  // namespace filed
