// The two interfaces between the queue, which decides about attempts, and the launcher, which
// starts and kills them: Launcher takes orders, LauncherEvents takes reports. Tests use a fake
// launcher.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "config/keys.h"

namespace filed {

// Names one attempt or one hook command. A number is never used for another one, not even after a
// restart. An attempt that was interrupted or put off has the same number when it starts again.
using AttemptId = uint64_t;

// What the launcher is to start: an attempt of a job, or a command of [hooks].
struct StartRequest {
  AttemptId attempt = 0;
  std::string id;    // the job's name
  std::string text;  // what is to be run
  std::string shell;
  uid_t uid = 0;  // the job's owner
  gid_t gid = 0;
  int number = 1;  // FILED_ATTEMPT
  int retries = 0;

  // The job's own limits, within the rules of the keys. They go over those of configure(). Nothing sets
  // them yet.
  std::vector<LimitValue> limits;

  // Set for a command of [hooks], which is the admin's and not a user's: it runs as the daemon's
  // own user, outside of the sandbox, without the limits, and reads `input`. Its text is a short
  // command.
  bool hook = false;
  std::shared_ptr<Fd> input;

  std::vector<std::pair<std::string, std::string>> env;  // besides what every start gets
};

struct AttemptExit {
  int wait_status = 0;  // as waitpid(2) gives it
  int64_t cpu_us = 0;   // user and system time of the main process and what it waited for
  int64_t maxrss_kb = 0;
  bool out_of_memory = false;  // it was killed because its limit of memory was reached
};

// What caused a start to fail before exec.
enum class Fault : uint8_t {
  kJob,      // the job: a missing, forbidden or hanging interpreter. The attempt failed
  kOwner,    // a limit of the owner. Tried again later; other owners' jobs go on
  kMachine,  // no memory, descriptors or processes. All starts are tried again later
};

// Why an attempt failed before exec.
struct StartFailure {
  std::string step;  // that failed: "fork", "setuid", "sandbox", "exec /bin/sh"
  int error = 0;     // errno
  Fault fault = Fault::kJob;
};

class Launcher {
 public:
  virtual ~Launcher() = default;

  // Starts the attempt. The answer comes as an event: started, or start_failed.
  virtual void start(const StartRequest& attempt) = 0;

  // Sends SIGTERM to every process of the attempt. No effect when it has ended.
  virtual void terminate(AttemptId attempt) = 0;

  // Kills every process of the attempt with SIGKILL. `exited` follows as for any other end. Works
  // for an attempt that is still being started, too.
  virtual void kill(AttemptId attempt) = 0;

  // The same for a caller that waits until the attempt runs no more. Returns true if there is nothing
  // to wait for, because it never ran and never will, or has ended. Else `killed` or an end follows.
  virtual bool kill_soon(AttemptId attempt) = 0;
  // Takes back what kill_soon() has asked for. Returns false if it is too late.
  virtual bool recall_kill(AttemptId attempt) = 0;

  // While held, the attempt's output is not read: its writers block when the pipe is full.
  virtual void hold_output(AttemptId attempt, bool held) = 0;
};

// What the launcher reports. For each start there is either one start_failed; or one started, any
// number of outputs and one exited, in this order.
// start_failed and exited also say that the attempt's leader is gone.
class LauncherEvents {
 public:
  virtual ~LauncherEvents() = default;
  virtual void started(AttemptId attempt, pid_t pid) = 0;
  virtual void start_failed(AttemptId attempt, const StartFailure& failure) = 0;
  virtual void output(AttemptId attempt, std::string_view bytes) = 0;
  // All processes of the attempt have got SIGKILL. May come more than once.
  virtual void killed(AttemptId attempt) = 0;
  // The attempt got SIGKILL some time ago, and its leader `pid` has not died. `state` is that of
  // /proc/PID/stat, '?' if it cannot be read. May come more than once. The end may still come.
  virtual void undying(AttemptId attempt, pid_t pid, char state) = 0;
  virtual void exited(AttemptId attempt, const AttemptExit& exit) = 0;
};

}  // namespace filed
