// At a start: kills the processes that a crash of filed and its launcher has left, before their jobs
// run again.
//
// A process may get SIGKILL and not die: a tracer holds it, or it waits for a file system that does
// not answer. It holds up only the job that it was of, until it is dead.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/fd.h"
#include "launcher/cgroup_tree.h"
#include "queue/store.h"

namespace filed {

// A new token for a launcher: 16 random hexadecimal digits.
std::string random_token();

struct UndyingProcess {
  AttemptId attempt = 0;
  pid_t pid = 0;
  char state = '?';  // as in /proc/PID/stat
  Fd process;        // a pidfd: readable when it is dead; empty if the kernel has none (before 5.3)
};

// Kills the processes that earlier launchers of this state have left, and waits until they are gone,
// for each launcher at most a second. Returns those that are not. Waits some seconds more for a
// launcher that has lost its filed. Stages a record of the launcher with that token and those
// cgroups. Needs the rights of root, or those of the jobs. What belongs to a filed that lives, or
// was left on purpose by a job, stays. Throws Error.
std::vector<UndyingProcess> end_leftovers(Store& store, const CgroupSystem& system,
                                          const std::string& token, const CgroupTree& tree);

// Calls `on_end` from the loop for each attempt, when the last of these processes of it has died. All
// three must outlive the loop's use. What the kernel cannot tell of counts as alive.
void watch_undying(EventLoop& loop, std::vector<UndyingProcess>& processes,
                   const std::function<void(AttemptId)>& on_end);

}  // namespace filed
