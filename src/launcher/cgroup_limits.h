// Limits of an attempt as a whole, by the controllers of its cgroup: memory.max and pids.max. They
// hold beside those of setrlimit(2), which are for single processes and users (limits.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "config/keys.h"

namespace filed {

// Which controllers work.
struct Controllers {
  bool memory = false;
  bool pids = false;

  bool any() const { return memory || pids; }
  bool operator==(const Controllers&) const = default;
};

// Those of an open directory: as listed in `file`, cgroup.controllers (what it may give to its
// groups) or cgroup.subtree_control (what it does give).
Controllers read_controllers(int directory, const char* file);

// Gives each of `wanted` to the groups of an open directory. Returns 0, or the errno of the first
// that fails: EBUSY if there are processes in the directory itself.
int enable_controllers(int directory, const Controllers& wanted);

// Nothing: no limit.
struct GroupLimits {
  std::optional<int64_t> memory;  // bytes; when it is reached, all of the attempt is killed
  std::optional<int64_t> processes;

  bool operator==(const GroupLimits&) const = default;
};

// Until its exec, a child shares the launcher's memory. If its group ran out of memory then, the kernel
// would kill the launcher, too. An exec needs less than 1 MiB (two copies of the longest text).
constexpr int64_t kMinGroupMemory = int64_t{4} << 20;

// Those among the limits of an attempt that these controllers can hold; memory is at least
// kMinGroupMemory.
GroupLimits group_limits(std::span<const LimitValue> limits, const Controllers& controllers);

// Sets those that differ from what is in force in the group's directory. Returns 0 or an errno.
int set_group_limits(int directory, const GroupLimits& from, const GroupLimits& to);

// Whether processes of the group were killed because its memory was short. False if unknown.
bool ran_out_of_memory(int directory);

}  // namespace filed
