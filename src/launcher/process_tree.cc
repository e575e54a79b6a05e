// How kill_processes() gets hold of a tree that keeps forking:
//
// 1. Look at all processes. Stop (SIGSTOP) every one that is meant and was not yet stopped, in the
//    order of /proc, parents mostly before children. A stopped process cannot fork.
// 2. Repeat until a look finds no new process and none that still runs.
// 3. Kill all of them.
// 4. Look once more, for a child that was being born meanwhile; if there is one, go on with 1.
//
// An ordinary tree takes two or three looks. Their number is bounded; the caller may try again.
#include "launcher/process_tree.h"

#include <signal.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace filed {
namespace {

constexpr int kMaxRounds = 100;
constexpr int kMaxSessionAttempts = 5;  // of kill_session(); each has many rounds

// Calls `visit` for each living process that is meant. A child is found by its parent, which mostly
// comes before it. The second part finds the few children that came before their parents.
template <typename Visit>
void for_each_meant(ProcessTable& table, const ProcessFilter& filter, Descendants descendants,
                    const std::unordered_set<pid_t>& spare, Visit visit) {
  std::unordered_set<pid_t> parents;  // their children are meant too
  std::vector<Process> others;
  auto add = [&](const Process& process) {
    if (descendants == Descendants::kYes) parents.insert(process.pid);
    if (!process.dead) visit(process);
  };
  table.for_each([&](const Process& process) {
    if (spare.count(process.pid) > 0) return;
    if (parents.count(process.parent) > 0 || filter(process)) {
      add(process);
    } else {
      others.push_back(process);
    }
  });
  for (bool found = !parents.empty(); found;) {
    auto late = std::partition(others.begin(), others.end(), [&](const Process& process) {
      return parents.count(process.parent) == 0;
    });
    found = late != others.end();
    std::for_each(late, others.end(), add);
    others.erase(late, others.end());
  }
}

std::unordered_set<pid_t> spared(ProcessTable& table, const std::vector<pid_t>& spare) {
  std::unordered_set<pid_t> set(spare.begin(), spare.end());
  set.insert(1);
  set.insert(table.self());
  return set;
}

}  // namespace

int signal_processes(ProcessTable& table, const ProcessFilter& filter, Descendants descendants,
                     std::initializer_list<int> signals) {
  int count = 0;
  for_each_meant(table, filter, descendants, spared(table, {}), [&](const Process& process) {
    for (int signal : signals) table.signal(process, signal);
    ++count;
  });
  return count;
}

std::vector<Process> find_processes(ProcessTable& table, const ProcessFilter& filter,
                                    Descendants descendants, const std::vector<pid_t>& spare) {
  std::vector<Process> found;
  for_each_meant(table, filter, descendants, spared(table, spare),
                 [&](const Process& process) { found.push_back(process); });
  return found;
}

KillResult kill_processes(ProcessTable& table, const ProcessFilter& filter, Descendants descendants,
                          const std::vector<pid_t>& spare) {
  std::unordered_set<pid_t> kept = spared(table, spare);
  struct Victim {
    Process process;
    bool killed = false;
  };
  std::unordered_map<pid_t, Victim> victims;
  // A process found once stays on the list, even if the parent that led us to it exits.
  auto meant = [&](const Process& process) {
    auto victim = victims.find(process.pid);
    if (victim != victims.end() && victim->second.process.start == process.start) return true;
    return filter(process);
  };
  KillResult result;
  for (int round = 0; round < kMaxRounds; ++round) {
    bool fresh = false;   // a process was found and stopped in this round
    bool moving = false;  // a process was told to stop and has not stopped yet
    bool left = false;    // a process is still to be killed
    for_each_meant(table, meant, descendants, kept, [&](const Process& process) {
      Victim& victim = victims[process.pid];
      if (victim.process.start != process.start || victim.process.pid == 0) {
        victim = {process};
        table.signal(process, SIGSTOP);
        fresh = true;
      } else if (!victim.killed && process.state != 'T' && process.state != 't' &&
                 process.state != 'D') {
        // 'D' may be a parent in vfork that waits for a child that we have stopped.
        moving = true;
      }
      if (!victim.killed) left = true;
    });
    if (!left) return result;
    if (fresh) continue;
    if (moving && round < kMaxRounds / 2) {
      table.pause();
      continue;
    }
    for (auto& [pid, victim] : victims) {
      if (victim.killed) continue;
      table.signal(victim.process, SIGKILL);
      victim.killed = true;
      ++result.killed;
    }
  }
  for (auto& [pid, victim] : victims) {
    if (victim.killed) continue;
    table.signal(victim.process, SIGKILL);
    ++result.killed;
  }
  result.finished = false;
  return result;
}

void kill_session(ProcessTable& table, pid_t leader) {
  auto in_session = [&](const Process& process) { return process.session == leader; };
  for (int attempt = 0; attempt < kMaxSessionAttempts; ++attempt) {
    if (kill_processes(table, in_session, Descendants::kNo).finished) return;
  }
}

}  // namespace filed
