#include "launcher/cgroup_members.h"

#include <algorithm>
#include <vector>

namespace filed {

// The group is listed, its processes are read, and it is listed again: a process of both lists was
// a member when it was read.
void CgroupMembers::for_each(const std::function<void(const Process&)>& visit) {
  std::vector<pid_t> pids;
  if (group_.members(pids) != 0) return;
  std::vector<Process> processes;
  processes.reserve(pids.size());
  for (pid_t pid : pids) {
    if (auto process = table_.read(pid)) processes.push_back(*process);
  }
  if (group_.members(pids) != 0) return;
  std::ranges::sort(pids);
  for (const Process& process : processes) {
    if (std::ranges::binary_search(pids, process.pid)) visit(process);
  }
}

}  // namespace filed
