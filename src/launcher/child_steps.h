// What a child does between fork and exec: a list of steps, each with a name. The first that fails
// ends the start, and its name and errno go to the launcher.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>

#include "launcher/launcher_settings.h"
#include "launcher/limits.h"
#include "launcher/order_words.h"

namespace filed {

// All that the child needs, prepared before the fork.
struct StartPlan {
  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  char* home = nullptr;  // the value of HOME in envp; "/" is written to it if it cannot be entered
  int input = -1;
  int output = -1;
  int text = -1;        // becomes descriptor 3; -1: none
  int report = -1;      // where a failure is written
  int socket = -1;      // the launcher's, to be closed
  int procs_file = -1;  // cgroup.procs of the group that it is to enter; -1: it is there, or none
  pid_t parent = 0;
  bool set_user = false;
  bool drop_bounding_set = false;
  uid_t uid = 0;
  gid_t gid = 0;
  int user_error = 0;            // of the look-up of the user
  std::optional<uid_t> serving;  // the user that filed serves as; empty: not a user of its own
  const gid_t* groups = nullptr;
  size_t group_count = 0;
  const Limit* limits = nullptr;
  size_t limit_count = 0;
  OrderWord* order = nullptr;
  ConfineHook confine = nullptr;
  void* confine_context = nullptr;
};

// The step that failed, a string constant, and its errno.
struct StepFailure {
  const char* step = nullptr;
  int error = 0;
};

// The descriptor at which a program finds the job's text, and its path.
constexpr int kTextDescriptor = 3;
constexpr const char* kTextPath = "/proc/self/fd/3";

// Carries out all steps; the last is the exec. Returns only when one has failed. The memory is the
// launcher's: raw system calls only, because the C library's setuid(2) and the like would notify
// what they take for the other threads of this process.
StepFailure run_child_steps(const StartPlan& plan) noexcept;

}  // namespace filed
