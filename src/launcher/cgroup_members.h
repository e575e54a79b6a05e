// The processes of one cgroup as a table, so that process_tree.h can signal them. A process that has
// got the pid of an ended member meanwhile is not in it.
#pragma once

#include "launcher/cgroup.h"
#include "launcher/process_table.h"

namespace filed {

class CgroupMembers final : public ProcessTable {
 public:
  // Both must outlive this object.
  CgroupMembers(ProcessTable& table, const Cgroup& group) : table_(table), group_(group) {}

  // Those of the groups below it, too.
  void for_each(const std::function<void(const Process&)>& visit) override;

  std::optional<Process> read(pid_t pid) override { return table_.read(pid); }
  std::optional<AttemptId> marked_attempt(pid_t, std::string_view) override { return {}; }
  void signal(const Process& process, int signal) override { table_.signal(process, signal); }
  void pause() override { table_.pause(); }
  pid_t self() override { return table_.self(); }

 private:
  ProcessTable& table_;
  const Cgroup& group_;
};

}  // namespace filed
