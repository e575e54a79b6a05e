#include "launcher/cgroup_limits.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/fd.h"
#include "base/files.h"

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

bool has_word(std::string_view text, std::string_view word) {
  while (!text.empty()) {
    size_t end = std::min(text.find_first_of(" \n"), text.size());
    if (text.substr(0, end) == word) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

// The value in a line `KEY VALUE`; 0 if there is none.
int64_t value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key) || line.substr(key.size(), 1) != " ") continue;
    line.remove_prefix(key.size() + 1);
    int64_t value = 0;
    std::from_chars(line.data(), line.data() + line.size(), value);
    return value;
  }
  return 0;
}

}  // namespace

Controllers read_controllers(int directory, const char* file) {
  std::string text = read_in(directory, file);
  return {has_word(text, "memory"), has_word(text, "pids")};
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
