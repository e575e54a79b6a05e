// Starts attempts: the one place where filed forks for a job.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "launcher/child_steps.h"
#include "launcher/environment.h"
#include "launcher/launcher_settings.h"
#include "launcher/limits.h"
#include "launcher/protocol.h"
#include "launcher/start_slots.h"

namespace filed {

// What caused a start to fail with this errno: the machine if it lacks processes or descriptors
// (EAGAIN, EMFILE, ENFILE) or memory (ENOMEM, ENOBUFS); else the job.
Fault fault_of(int error);

// What makes a child a process of its attempt.
struct Membership {
  std::string mark;     // NAME=value, the first entry of its environment
  int directory = -1;   // of the cgroup that it is started in; -1: the launcher's own
  int procs_file = -1;  // cgroup.procs of the group that it then enters; -1: none
  uint32_t group = 0;   // the group's number (kill_files.h); 0: none
};

// A child between its fork and its exec.
struct Starting {
  Fd report;  // ends with the exec or the child's death
  Fd text;
  TextKind kind = TextKind::kArgument;
  std::string shell;
  int64_t since_ns = 0;    // monotonic
  int64_t look_at_ns = 0;  // when is_stuck() is to be asked next
  StartSlots::Lease slot;  // of a child that shares our memory
};

enum class StartState { kUnderWay, kFailed, kOver };

class Spawner {
 public:
  // The process must have one thread, all signals blocked and none ignored, and all its descriptors
  // above 2 close-on-exec. `socket` is the launcher's; children close it. Throws Error.
  Spawner(const LauncherSettings& settings, int socket);

  // Limits and [env] for the attempts from now on.
  void configure(const std::vector<LimitValue>& limits,
                 const std::vector<std::pair<std::string_view, std::string_view>>& env);

  // The limits of an attempt; none of a hook.
  std::vector<LimitValue> limits_of(const StartMessage& attempt) const;

  // Begins to start the attempt. `limits` are limits_of() it. `output` becomes its stdout and
  // stderr, `text` (unless the kind is kArgument) its descriptor 3. Returns the pid, which is also
  // that of its session and process group, with *starting filled in, or 0 with *failure filled in.
  // Does not wait for the exec.
  pid_t start(const StartMessage& attempt, const Membership& membership,
              std::span<const LimitValue> limits, int output, Fd text, Starting* starting,
              StartFailure* failure);

  // The state of a start. kOver: its program runs, or it has died. kFailed: *failure says why, and
  // the child exits by itself. Does not wait.
  static StartState look(const Starting& starting, StartFailure* failure);

  // True if a start under way is to be given up, because the child was stopped or takes longer than
  // 3 s. Then *failure says which. Else it sets when to ask again.
  static bool is_stuck(pid_t pid, Starting& starting, StartFailure* failure);

 private:
  static int child(void* plan);
  static pid_t start_child(StartSlot& slot, int cgroup);

  void plan_user(const StartMessage& attempt, std::string_view mark, StartSlot& slot);
  void plan_restrictions(const StartMessage& attempt, std::span<const LimitValue> limits,
                         StartSlot& slot);
  static void plan_command(const StartMessage& attempt, int text, StartSlot& slot);

  const bool as_owner_;
  std::vector<gid_t> groups_;  // of the user that all attempts run as
  bool may_drop_bounding_set_ = false;
  Fd null_;  // /dev/null, a job's standard input
  UserCache users_;
  Environment environment_;
  std::vector<LimitValue> admin_limits_;
  ConfineHook confine_ = nullptr;
  OrderWords& orders_;
  StartPlan common_;  // what is the same for all attempts
  StartSlots slots_;
};

}  // namespace filed
