// Keeps the processes of each attempt together, so that all of them can be found, signalled and
// killed: in a cgroup for each attempt (cgroup_tree.h), or where there are none by marks (marks.h).
//
// A process that leaves its attempt's session has done so on purpose, as a service that the job
// starts does. It outlives an ordinary end of its attempt if kill_leftovers is `session`, but never
// an end that filed or a user has ordered.
#pragma once

#include <sys/types.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "launcher/cgroup_pool.h"
#include "launcher/cgroup_tree.h"
#include "launcher/children.h"
#include "launcher/launcher_settings.h"
#include "launcher/marks.h"
#include "launcher/process_table.h"

namespace filed {

class Containment {
 public:
  // `children` are the launcher's, and must outlive this object like `table`. Takes the tree's lock.
  Containment(const LauncherSettings& settings, Children& children, ProcessTable& table);

  // Before the fork: what the child needs. Nothing with errno if the attempt cannot have a group.
  // Sets the limits that hold for an attempt as a whole.
  std::optional<Membership> begin(AttemptId attempt, std::span<const LimitValue> limits);

  // Notes that filed kills the attempt's group.
  void killed_by_filed(AttemptId attempt);

  // The group of an attempt that has begun; null if there are no cgroups. Another attempt gets it
  // only after end().
  Cgroup* group(AttemptId attempt);

  // Sends each of the signals once to each process of the attempts.
  void signal(const Targets& targets, std::initializer_list<int> signals);

  // Kills all processes of the attempts. Does not wait for their end. Returns false if they
  // multiply faster than they can be stopped; then it is to be called again.
  bool kill(const Targets& targets);

  // Kills what an attempt has left when its leader has ended and is a zombie. `is_orphaned` tells, if
  // something is left, that the attempt did not end by itself: then all of it is killed.
  void kill_rest(const Child& leader, const std::function<bool()>& is_orphaned);

  // A process of the attempt that kill_rest() or filed has killed, and that is not dead yet. Always
  // none without cgroups.
  std::optional<pid_t> dying(AttemptId attempt);

  // Whether processes of it were killed because its memory was short.
  bool ran_out_of_memory(AttemptId attempt);

  // The attempt is over, or its fork has failed: its group goes back to the pool.
  void end(AttemptId attempt);

  // Frees the descriptors of groups that are not in use. For a start that has failed for lack of
  // some: otherwise none would ever become free.
  void free_descriptors();

  // The process has been reaped.
  void reaped(pid_t pid) { marks_.reaped(pid); }

  // True if nothing of ended attempts is dying. Always without cgroups.
  bool is_settled();

  // Removes the groups that are empty. For the launcher's end.
  void clear();

 private:
  struct AttemptGroup {
    std::unique_ptr<Cgroup> group;
    bool is_empty = false;  // as its leader had ended; nothing can have come since
    pid_t session = 0;      // of its leader, since kill_rest() has killed this session
  };

  void give_back(AttemptGroup ended);

  CgroupTree* tree_;  // null: no cgroups
  const bool kill_all_;
  ProcessTable& table_;
  Marks marks_;
  std::optional<CgroupPool> pool_;
  std::unordered_map<AttemptId, AttemptGroup> groups_;
};

}  // namespace filed
