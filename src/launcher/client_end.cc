// How filed ends the attempts itself when it has lost the launcher.
#include <signal.h>
#include <sys/wait.h>

#include <charconv>
#include <ctime>
#include <string>
#include <unordered_set>

#include "base/clock.h"
#include "base/files.h"
#include "base/reap.h"
#include "launcher/cgroup_tree.h"
#include "launcher/client.h"
#include "launcher/marks.h"
#include "launcher/process_table.h"

namespace filed {
namespace {

constexpr int64_t kPollNs = 10 * kNsPerMs;

// How many processes live in these groups below `place`. By /proc, because a sandbox shuts the files
// of the groups.
int count_members(const std::string& place, const std::unordered_set<uint32_t>& groups) {
  const std::string begin = "0::" + place + "/";
  int count = 0;
  LinuxProcesses().for_each([&](const Process& process) {
    if (process.dead) return;
    for (const std::string& line : read_lines("/proc/" + std::to_string(process.pid) + "/cgroup")) {
      if (!line.starts_with(begin)) continue;
      uint32_t group = 0;
      std::from_chars(line.data() + begin.size(), line.data() + line.size(), group);
      if (groups.contains(group)) ++count;
    }
  });
  return count;
}

}  // namespace

// Waits for the launcher's end. True when it has been reaped.
bool LauncherClient::reap(int64_t timeout_ms) {
  if (!reaped_) reaped_ = reap_within(launcher_, timeout_ms * kNsPerMs);
  return reaped_;
}

// Kills the groups of all attempts under way. Returns their numbers.
std::unordered_set<uint32_t> LauncherClient::kill_groups() {
  std::unordered_set<uint32_t> groups;
  bool all_known = true;
  for (const auto& [id, attempt] : attempts_) {
    uint32_t group = attempt.order == OrderWords::kNone ? 0 : orders_.group(attempt.order);
    if (group == 0) continue;  // it never ran
    groups.insert(group);
    all_known = all_known && kill_files_->find(group) >= 0;
  }
  if (all_known) {
    kill_files_->kill_all();
  } else {
    // What was left on purpose dies, too, because no attempt may go on.
    cgroups_->kill();
  }
  return groups;
}

int LauncherClient::kill_everything(int64_t timeout_ms) {
  SystemClock clock;
  int64_t deadline = clock.mono_ns() + timeout_ms * kNsPerMs;
  if (!reaped_) {
    ::kill(launcher_, SIGKILL);
    // Its children become ours when it has ended.
    reap(timeout_ms);
  }
  Targets targets;
  std::unordered_set<AttemptId> unended;
  for (const auto& [id, attempt] : attempts_) {
    unended.insert(id);
    if (attempt.phase == Attempt::Phase::kRunning) targets[attempt.pid] = id;
  }
  std::unordered_set<uint32_t> groups;
  if (cgroups_ != nullptr) groups = kill_groups();
  for (;;) {
    int left = cgroups_ != nullptr ? count_members(cgroups_->place(), groups)
                                   : kill_adopted(token_, targets, unended);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (left == 0 || clock.mono_ns() >= deadline) return left;
    timespec pause = to_timespec(kPollNs);
    nanosleep(&pause, nullptr);
  }
}

}  // namespace filed
