// Finds and kills processes by descent, by session, and by the mark that every job carries in its
// environment. Reads /proc; where that is not mounted, nothing is found.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "launcher/launcher_interface.h"

namespace filed {

// The variable that marks a job's processes; its value is TOKEN.RUN.
constexpr std::string_view kRunVariable = "FILED_RUN";

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  uint64_t start = 0;  // clock ticks since boot: with the pid it names one process for ever
  char state = '?';    // as in /proc/PID/stat
  bool dead = false;   // a zombie without threads
};

// What the kernel tells of a process; nothing when it is not there.
std::optional<Process> read_process(pid_t pid);

// Every process that can be seen, in ascending order of pid as far as /proc gives it so.
std::vector<Process> read_processes();

// The run that marked the process, if `token` did. Nothing also when its environment cannot be read
// (another user's, and no right to) or was overwritten by the process.
std::optional<AttemptId> marked_run(pid_t pid, std::string_view token);

// Which processes are meant: those for which it says yes, and, where a function below says so, all
// that descend from them.
using ProcessFilter = std::function<bool(const Process&)>;

enum class Descendants { kNo, kYes };

// Sends each of `signals` once to each living process that is meant. The caller is never meant.
// Returns how many there were.
int signal_processes(const ProcessFilter& filter, Descendants descendants,
                     std::initializer_list<int> signals);

struct KillResult {
  int killed = 0;
  bool finished = true;  // false: they multiply faster than they can be stopped. Try again
};

// Kills what is meant so that none of it can outrun the scan. It does not wait for their end. The
// caller is never meant, nor is what is in `spare`.
KillResult kill_processes(const ProcessFilter& filter, Descendants descendants,
                          const std::vector<pid_t>& spare = {});

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
