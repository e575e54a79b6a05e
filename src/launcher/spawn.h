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
#include "launcher/client.h"
#include "launcher/environment.h"
#include "launcher/protocol.h"

namespace filed {

// Whether an errno of starting a process tells of a shortage, so that the same start may succeed
// later: too many processes or descriptors (EAGAIN, EMFILE, ENFILE), no memory (ENOMEM, ENOBUFS).
bool is_transient(int error);

// A stack for the child, with a page below it that faults when touched.
class ChildStack {
 public:
  ChildStack();  // throws Error
  ~ChildStack();
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  void* top() const;

 private:
  void* memory_;
};

class Spawner {
 public:
  // The process must have one thread, all signals blocked and none ignored, and all its descriptors
  // above 2 close-on-exec. Throws Error.
  explicit Spawner(const LauncherSettings& settings);

  // Limits and [env] for the attempts from now on.
  void configure(const LimitSettings& limits,
                 const std::vector<std::pair<std::string_view, std::string_view>>& env);

  // Starts the attempt and waits until its program runs or something has failed; how long it waits
  // is bounded. `output` becomes its stdout and stderr, `text` (unless the kind is kArgument) its
  // descriptor 3. Returns the pid, which is also that of its session and process group, or 0 with
  // *failure filled in.
  pid_t start(const StartMessage& attempt, int output, int text, StartFailure* failure);

 private:
  // The kernel's struct rlimit64, the same everywhere.
  struct Limit {
    int resource;
    const char* stage;
    uint64_t soft;
    uint64_t hard;
  };

  // All that the child is to do. It only reads this.
  struct Plan {
    const char* program = nullptr;
    char* const* argv = nullptr;
    char* const* envp = nullptr;
    const char* home = nullptr;
    int input = -1;
    int output = -1;
    int text = -1;
    bool set_user = false;
    bool drop_bounding_set = false;
    uid_t uid = 0;
    gid_t gid = 0;
    const gid_t* groups = nullptr;
    size_t group_count = 0;
    int last_capability = -1;
    const Limit* limits = nullptr;
    size_t limit_count = 0;
    const int* nice = nullptr;
    ConfineHook confine = nullptr;
    void* confine_context = nullptr;
    pid_t parent = 0;
  };

  // All that the child writes. `running` is 1 until the kernel clears it, when the child no longer
  // uses our memory; `stage` stays null unless a step failed.
  struct Outcome {
    int running = 0;
    const char* stage = nullptr;
    int error = 0;
  };

  static int child(void* self);
  static void run_child(const Plan& plan, Outcome& outcome) noexcept;

  void plan_user(const StartMessage& attempt);
  void plan_restrictions(const StartMessage& attempt);
  void plan_command(const StartMessage& attempt, int text);
  const char* wait_for_exec(pid_t pid);

  const bool as_owner_;
  bool may_drop_bounding_set_ = false;
  Fd null_;
  ChildStack stack_;
  UserCache users_;
  Environment environment_;
  std::vector<Limit> limits_;
  std::optional<int> nice_;
  ConfineHook confine_ = nullptr;
  Plan plan_;
  Outcome outcome_;
  std::string shell_;
  std::string text_;
  char* argv_[4] = {};
};

}  // namespace filed
