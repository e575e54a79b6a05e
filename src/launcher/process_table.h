// The launcher's edge to the system's processes: reading them from /proc and sending signals. What
// decides and kills (process_tree.h, containment.h) goes through this interface, so that tests can
// put a table of made-up processes in its place.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "launcher/launcher_interface.h"

namespace filed {

// The variable that marks a job's processes. Its value is TOKEN.ATTEMPT.
constexpr std::string_view kRunVariable = "FILED_RUN";

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  uint64_t start = 0;    // clock ticks since boot: with the pid it names one process for ever
  char state = '?';      // as in /proc/PID/stat
  bool dead = false;     // a zombie without threads
  bool exiting = false;  // it has begun to exit, or has ended: it may have closed descriptors
};

// A process of an attempt.
struct AttemptProcess {
  AttemptId attempt = 0;
  pid_t pid = 0;

  bool operator==(const AttemptProcess&) const = default;
};

class ProcessTable {
 public:
  virtual ~ProcessTable() = default;

  // What the kernel tells of a process; nothing when it does not exist.
  virtual std::optional<Process> read(pid_t pid) = 0;

  // Calls `visit` for every process that can be seen, mostly in ascending order of pid.
  virtual void for_each(const std::function<void(const Process&)>& visit) = 0;

  // The attempt in the process's mark, if the mark has this token. Nothing also when its
  // environment cannot be read (another user's) or was overwritten by the process.
  virtual std::optional<AttemptId> marked_attempt(pid_t pid, std::string_view token) = 0;

  // Sends a signal to that very process. Does nothing if it has ended, also if another process has
  // its pid now.
  virtual void signal(const Process& process, int signal) = 0;

  // Waits half a millisecond, for a process to come to rest.
  virtual void pause() = 0;

  virtual pid_t self() = 0;
};

// The kernel's table. Where /proc is not mounted, it is empty.
class LinuxProcesses final : public ProcessTable {
 public:
  std::optional<Process> read(pid_t pid) override;
  void for_each(const std::function<void(const Process&)>& visit) override;
  std::optional<AttemptId> marked_attempt(pid_t pid, std::string_view token) override;
  void signal(const Process& process, int signal) override;
  void pause() override;
  pid_t self() override;
};

// The children of the thread that constructs it, zombies too, for one system call a look.
class ChildList {
 public:
  ChildList();

  // Fills `pids`. Where the kernel lacks the list (CONFIG_PROC_CHILDREN) it scans /proc instead.
  void read(std::vector<pid_t>& pids);

 private:
  Fd file_;
  std::vector<char> text_;
};

}  // namespace filed
