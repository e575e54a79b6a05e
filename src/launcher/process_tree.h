// Signals and kills sets of processes, with all that descends from them if that is wanted.
#pragma once

#include <sys/types.h>

#include <functional>
#include <initializer_list>
#include <vector>

#include "launcher/process_table.h"

namespace filed {

// Which processes are meant: those for which it returns true, and with Descendants::kYes all that
// descend from them. The caller and process 1 are never meant.
using ProcessFilter = std::function<bool(const Process&)>;

enum class Descendants { kNo, kYes };

// Sends each of `signals` once to each living process that is meant. Returns how many processes
// there were.
int signal_processes(ProcessTable& table, const ProcessFilter& filter, Descendants descendants,
                     std::initializer_list<int> signals);

// Those that are meant and live. Those in `spare` are left out, with what descends from them.
std::vector<Process> find_processes(ProcessTable& table, const ProcessFilter& filter,
                                    Descendants descendants, const std::vector<pid_t>& spare);

struct KillResult {
  int killed = 0;
  bool finished = true;  // false: they multiply faster than they can be stopped. Try again
};

// Sends SIGKILL to what is meant, so that no process of it escapes by forking. Does not wait for
// the end of the processes. Those in `spare` are never meant.
KillResult kill_processes(ProcessTable& table, const ProcessFilter& filter, Descendants descendants,
                          const std::vector<pid_t>& spare = {});

// Kills the processes in the session of an ended leader. Gives up if they go on multiplying.
void kill_session(ProcessTable& table, pid_t leader);

}  // namespace filed
