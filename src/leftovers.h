// At a start: kills the processes that a crash of filed and its launcher has left, before their jobs
// run again.
#pragma once

#include <string>

#include "launcher/cgroup_tree.h"
#include "queue/store.h"

namespace filed {

// A new token for a launcher: 16 random hexadecimal digits.
std::string random_token();

// Kills the processes that earlier launchers of this state have left, waits until they are gone, at
// most some seconds, and stages a record of the launcher with that token and those cgroups. Needs
// the rights of root, or those of the jobs. What belongs to a filed that lives, or was left on
// purpose by a job, stays. Throws Error.
void end_leftovers(Store& store, const CgroupSystem& system, const std::string& token,
                   const CgroupTree& tree);

}  // namespace filed
