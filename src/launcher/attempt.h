// An attempt to run a job, and the two interfaces between those who decide about attempts (the
// queue) and those who carry them out (the launcher). Tests put a fake launcher here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace filed {

// Names one attempt of this daemon's life; never used twice.
using RunId = uint64_t;

struct Attempt {
  RunId run = 0;
  std::string id;    // the job's name
  std::string text;  // what is to be run
  std::string shell;
  uid_t uid = 0;  // the job's owner
  gid_t gid = 0;
  int number = 1;  // FILED_ATTEMPT
  int retries = 0;

  // Set for a command of [hooks], which is the admin's and not a user's: it runs as the daemon's
  // own user, outside of the sandbox, without the limits, and reads `input`. Its text is a short
  // command.
  bool hook = false;
  std::vector<std::pair<std::string, std::string>> env;  // besides what every attempt gets
  std::shared_ptr<Fd> input;
};

struct AttemptExit {
  int wait_status = 0;  // as waitpid(2) gives it
  int64_t cpu_us = 0;   // user and system time of the main process and what it waited for
  int64_t maxrss_kb = 0;
};

// Whose fault it is that an attempt did not come to its exec.
enum class Fault : uint8_t {
  kJob,      // what is missing, forbidden, malformed or hangs: a failed attempt
  kOwner,    // his limits do not allow it now: worth another try, and of no concern to other users
  kMachine,  // it lacks memory, descriptors or processes: worth another try, and so are all others
};

// Why an attempt did not come to its exec.
struct StartFailure {
  std::string stage;  // the step that failed: "fork", "setuid", "sandbox", "exec /bin/sh"
  int error = 0;      // errno
  Fault fault = Fault::kJob;
};

class Launcher {
 public:
  virtual ~Launcher() = default;

  // Starts the attempt. The answer comes as an event: started, or start_failed.
  virtual void start(const Attempt& attempt) = 0;

  // Sends SIGTERM to every process of the attempt. No effect when it has ended.
  virtual void terminate(RunId run) = 0;

  // Kills every process of the attempt with SIGKILL. `exited` follows as for any other end. Works
  // for an attempt whose start is still under way, too.
  virtual void kill(RunId run) = 0;

  // While held, the attempt's output is not read: its writers block when the pipe is full.
  virtual void hold_output(RunId run, bool held) = 0;
};

// What the launcher tells. For each start there is either one start_failed, or one started, any
// number of outputs and one exited, in this order; `exited` comes after the last output.
class LauncherEvents {
 public:
  virtual ~LauncherEvents() = default;
  virtual void started(RunId run, pid_t pid) = 0;
  virtual void start_failed(RunId run, const StartFailure& failure) = 0;
  virtual void output(RunId run, std::string_view bytes) = 0;
  virtual void exited(RunId run, const AttemptExit& exit) = 0;
};

}  // namespace filed
