// How the limits of a job's processes are applied. A table says which system call sets which limit;
// names and bounds are those of the table of settings (config/keys.h).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "config/keys.h"

namespace filed {

// One limit, ready to be applied in a child between fork and exec.
struct Limit {
  const char* step;  // what failed when apply() fails: "limit memory"
  int64_t value;
  int resource;             // RLIMIT_... for prlimit(2); unused by other calls
  int64_t hard_above_soft;  // between the soft and the hard limit

  // Sets the limit for the calling process. One system call; returns 0, or -1 with errno.
  long (*apply)(const Limit& limit) noexcept;
};

// The limits of an attempt: the admin's, and those that the job itself brings, which may only do
// what their keys' rules allow. A name that the table does not have is ignored.
std::vector<LimitValue> limits_in_force(std::span<const LimitValue> admin,
                                        std::span<const LimitValue> job);

// How these are applied. Takes only names that the table has.
std::vector<Limit> plan_limits(std::span<const LimitValue> in_force);

// Whether there is a row for that limit.
bool can_apply_limit(std::string_view name);

}  // namespace filed
