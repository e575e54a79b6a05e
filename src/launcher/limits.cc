#include "launcher/limits.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "launcher/shared_memory.h"

namespace filed {
namespace {

FILED_SHARED_MEMORY long set_resource(const Limit& limit) noexcept {
  auto soft = static_cast<uint64_t>(limit.value);
  // The kernel's struct rlimit64, the same on every machine.
  uint64_t value[2] = {soft, soft + static_cast<uint64_t>(limit.hard_above_soft)};
  return syscall(SYS_prlimit64, 0, limit.resource, value, nullptr);
}

FILED_SHARED_MEMORY long set_nice(const Limit& limit) noexcept {
  return syscall(SYS_setpriority, PRIO_PROCESS, 0, static_cast<int>(limit.value));
}

struct Row {
  std::string_view name;  // in [limits]
  const char* step;
  long (*apply)(const Limit& limit) noexcept;
  int resource = 0;
  int64_t hard_above_soft = 0;
};

constexpr Row kRows[] = {
    // The second between soft and hard lets a job handle SIGXCPU, and its log names that signal.
    {"cpu", "limit cpu", set_resource, static_cast<int>(RLIMIT_CPU), 1},
    {"memory", "limit memory", set_resource, static_cast<int>(RLIMIT_AS)},
    {"files", "limit files", set_resource, static_cast<int>(RLIMIT_NOFILE)},
    {"processes", "limit processes", set_resource, static_cast<int>(RLIMIT_NPROC)},
    {"file_size", "limit file_size", set_resource, static_cast<int>(RLIMIT_FSIZE)},
    {"nice", "nice", set_nice},
};

std::optional<int64_t> value_of(std::span<const LimitValue> values, std::string_view name) {
  auto found = std::ranges::find(values, name, &LimitValue::name);
  if (found == values.end()) return std::nullopt;
  return found->value;
}

}  // namespace

std::vector<LimitValue> limits_in_force(std::span<const LimitValue> admin,
                                        std::span<const LimitValue> job) {
  std::vector<LimitValue> limits;
  for (const Row& row : kRows) {
    std::optional<int64_t> value = value_of(admin, row.name);
    std::optional<int64_t> own = value_of(job, row.name);
    const Key* key = own ? find_limit(row.name) : nullptr;
    if (key != nullptr) value = meet(key->job, value, *own);
    if (value) limits.push_back({row.name, *value});
  }
  return limits;
}

std::vector<Limit> plan_limits(std::span<const LimitValue> in_force) {
  std::vector<Limit> limits;
  for (const LimitValue& limit : in_force) {
    const Row& row = *std::ranges::find(kRows, limit.name, &Row::name);
    limits.push_back({row.step, limit.value, row.resource, row.hard_above_soft, row.apply});
  }
  return limits;
}

bool can_apply_limit(std::string_view name) {
  return std::ranges::find(kRows, name, &Row::name) != std::end(kRows);
}

}  // namespace filed
