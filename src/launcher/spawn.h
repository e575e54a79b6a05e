// Starts attempts: the one place where filed forks for a job.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "launcher/client.h"
#include "launcher/environment.h"
#include "launcher/limits.h"
#include "launcher/protocol.h"

namespace filed {

// Whose fault an errno of starting a process is: the machine's if it tells of a shortage, too many
// processes or descriptors (EAGAIN, EMFILE, ENFILE), no memory (ENOMEM, ENOBUFS); else the job's.
Fault fault_of(int error);

// A child between its fork and its exec.
struct Starting {
  Fd report;  // ends with the exec or the child's death
  Fd text;
  TextKind kind = TextKind::kArgument;
  std::string shell;
  int64_t since_ns = 0;  // monotonic
  std::optional<StartFailure> given_up;
};

// Room for a child that shares our memory, with a page below it that may not be touched.
class ChildStack {
 public:
  ChildStack();
  ~ChildStack();
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;
  void* top() const;

 private:
  void* memory_;
};

enum class StartState { kUnderWay, kFailed, kOver };

class Spawner {
 public:
  // The process must have one thread, all signals blocked and none ignored, and all its descriptors
  // above 2 close-on-exec. `socket` is the launcher's. Throws Error.
  Spawner(const LauncherSettings& settings, int socket);

  // Limits and [env] for the attempts from now on.
  void configure(const std::vector<LimitValue>& limits,
                 const std::vector<std::pair<std::string_view, std::string_view>>& env);

  // Begins to start the attempt. `output` becomes its stdout and stderr, `text` (unless the kind is
  // kArgument) its descriptor 3. Returns the pid, which is also to be that of its session and
  // process group, with *starting filled in, or 0 with *failure filled in. Waits for the exec, but
  // not long, and not where the user has made us wait in vain before.
  pid_t start(const StartMessage& attempt, int output, Fd text, Starting* starting,
              StartFailure* failure);

  // What has become of it. Over: its program runs, or it has died. Failed: *failure says why, and
  // it exits by itself. Does not wait.
  static StartState look(const Starting& starting, StartFailure* failure);

  // Whether a child that is under way is to be given up, because it was stopped or takes too long;
  // *failure says which.
  static bool is_stuck(pid_t pid, const Starting& starting, StartFailure* failure);

 private:
  // All that the child is to do.
  struct Plan {
    const char* program = nullptr;
    char* const* argv = nullptr;
    char* const* envp = nullptr;
    const char* home = nullptr;
    int input = -1;
    int output = -1;
    int text = -1;
    int report = -1;
    bool set_user = false;
    bool drop_bounding_set = false;
    uid_t uid = 0;
    gid_t gid = 0;
    const gid_t* groups = nullptr;
    size_t group_count = 0;
    int last_capability = -1;
    const Limit* limits = nullptr;
    size_t limit_count = 0;
    ConfineHook confine = nullptr;
    void* confine_context = nullptr;
    pid_t parent = 0;
    int socket = -1;
  };

  // The step that failed in the child, a string constant, and its errno.
  struct Report {
    const char* stage = nullptr;
    int error = 0;
  };

  static int child(void* plan);
  static Report run_child(const Plan& plan) noexcept;

  void plan_user(const StartMessage& attempt);
  void plan_restrictions(const StartMessage& attempt);
  void plan_command(const StartMessage& attempt, int text);

  const bool as_owner_;
  bool may_drop_bounding_set_ = false;
  Fd null_;
  UserCache users_;
  Environment environment_;
  std::vector<LimitValue> admin_limits_;
  std::vector<Limit> limits_;  // of the attempt that is being started
  ConfineHook confine_ = nullptr;
  ChildStack stack_;
  // Whose jobs were given up before their exec → until when, by the monotonic clock.
  std::unordered_map<uid_t, int64_t> distrusted_;
  Plan plan_;
  std::string shell_;
  std::string text_;
  char* argv_[4] = {};
};

}  // namespace filed
