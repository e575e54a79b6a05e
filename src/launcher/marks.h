// Keeps the processes of attempts together where there are no cgroups, by three facts about a
// process:
//
//   descent   children of an attempt's process belong to the attempt; orphans come to the launcher,
//             because it is a child subreaper
//   session   the leader of an attempt leads a session; its number is the leader's pid
//   mark      the first variable of the environment, FILED_RUN=TOKEN.ATTEMPT, is inherited
//
// An orphan that has left its session and emptied its environment can hide: filed(8) says so.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "launcher/children.h"
#include "launcher/process_table.h"
#include "launcher/process_tree.h"

namespace filed {

// Attempts that are meant: the leader's pid and the attempt.
using Targets = std::unordered_map<pid_t, AttemptId>;

class Marks {
 public:
  // `children` are the launcher's, and must outlive this object like `table`.
  Marks(std::string token, Children& children, ProcessTable& table);

  // What the attempt's environment has to begin with, NAME=value.
  std::string mark(AttemptId attempt) const;

  // Sends each of the signals once to each process of the attempts.
  void signal(const Targets& targets, std::initializer_list<int> signals);

  // Kills all processes of the attempts. Does not wait for their end. Returns false if they
  // multiply faster than they can be stopped; then it is to be called again.
  bool kill(const Targets& targets);

  // Kills the other processes of an attempt when its leader has ended and is a zombie: with `all` also
  // those that have moved to another session.
  void kill_rest(const Child& leader, bool all);

  // The process has been reaped.
  void reaped(pid_t pid) { outliving_.erase(pid); }

 private:
  // Whether a process is the root of something that belongs to one of the attempts.
  bool belongs_to(const Process& process, const Targets& targets);
  bool has_left(const Child& leader, bool all);

  const std::string token_;
  Children& children_;
  ProcessTable& table_;
  ChildList child_list_;
  std::vector<pid_t> pids_;
  // Our children that have outlived their attempt.
  std::unordered_set<pid_t> outliving_;
};

// Kills every process that carries FILED_RUN=TOKEN.ATTEMPT for one of the attempts, and its
// descendants; with an empty token nothing. The caller, its ancestors and its children are spared.
// For a start after a crash of both processes: pass the attempts that were active then, so that
// services which earlier jobs started on purpose live on. Returns how many were killed.
int kill_marked(std::string_view token, const std::vector<AttemptId>& attempts);

// The same processes, without a kill. Looks at all processes once for each attempt.
std::vector<AttemptProcess> find_marked(std::string_view token,
                                        const std::vector<AttemptId>& attempts);

// For filed when the launcher has died and its children have become filed's own: kills the
// processes of the attempts and of children of ours without a mark. Returns how many are left; it
// is to be called again, after reaping, until that is 0.
int kill_adopted(std::string_view token, const Targets& targets,
                 const std::unordered_set<AttemptId>& attempts);

}  // namespace filed
