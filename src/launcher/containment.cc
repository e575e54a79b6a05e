// With cgroups an ordinary end costs one read, of cgroup.events: mostly the group is empty then, and
// is used again. If processes are left, those in the leader's session are killed, and the group is
// kept until the others have ended by themselves.
#include "launcher/containment.h"

#include <signal.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/privileges.h"
#include "launcher/cgroup_members.h"
#include "launcher/process_tree.h"

namespace filed {
namespace {

// Groups that are looked at when an attempt ends, whether their last process has gone. One attempt
// leaves at most one, so the number of those that are left does not grow.
constexpr size_t kTidied = 2;

}  // namespace

Containment::Containment(const LauncherSettings& settings, Children& children, ProcessTable& table)
    : tree_(settings.cgroups),
      kill_all_(settings.kill_leftovers == KillLeftovers::kAll),
      table_(table),
      marks_(settings.token, children, table) {
  if (tree_ == nullptr) return;
  pool_.emplace(tree_->directory(), KillFileSender(settings.kill_files));
  if (int error = tree_->lock()) throw_errno(tree_->place(), error);
}

std::optional<Membership> Containment::begin(AttemptId attempt,
                                             std::span<const LimitValue> limits) {
  Membership membership{marks_.mark(attempt)};
  if (!pool_) return membership;
  std::unique_ptr<Cgroup> group = pool_->take(attempt);
  if (!group) return std::nullopt;
  membership.group = CgroupPool::number(*group);
  int error = group->set_limits(group_limits(limits, tree_->controllers()));
  if (tree_->entry() == CgroupEntry::kClone) {
    membership.directory = group->directory();
  } else {
    membership.procs_file = group->procs_file();
    if (membership.procs_file < 0) error = errno;
  }
  if (error != 0) {
    give_back({std::move(group), true});
    errno = error;
    return std::nullopt;
  }
  groups_[attempt] = {std::move(group)};
  return membership;
}

bool Containment::ran_out_of_memory(AttemptId attempt) {
  Cgroup* group = this->group(attempt);
  return group != nullptr && group->ran_out_of_memory();
}

void Containment::killed_by_filed(AttemptId attempt) {
  if (Cgroup* group = this->group(attempt)) group->set_killed();
}

Cgroup* Containment::group(AttemptId attempt) {
  auto group = groups_.find(attempt);
  return group == groups_.end() ? nullptr : group->second.group.get();
}

void Containment::signal(const Targets& targets, std::initializer_list<int> signals) {
  if (!pool_) return marks_.signal(targets, signals);
  for (const auto& [pid, attempt] : targets) {
    Cgroup* group = this->group(attempt);
    if (group == nullptr) continue;
    CgroupMembers members(table_, *group);
    auto all = [](const Process&) { return true; };
    signal_processes(members, all, Descendants::kNo, signals);
  }
}

bool Containment::kill(const Targets& targets) {
  if (!pool_) return marks_.kill(targets);
  for (const auto& [pid, attempt] : targets) {
    Cgroup* group = this->group(attempt);
    if (group == nullptr) continue;
    if (int error = group->kill()) {
      log_error("launcher: cgroup %s: kill: %s", group->name().c_str(), strerror(error));
    }
    // It may not have entered its group yet.
    if (tree_->entry() == CgroupEntry::kWrite) ::kill(pid, SIGKILL);
  }
  return true;
}

void Containment::kill_rest(const Child& leader, const std::function<bool()>& is_orphaned) {
  bool all = kill_all_ || leader.must_end();
  if (!pool_) return marks_.kill_rest(leader, all, is_orphaned);
  auto found = groups_.find(leader.attempt);
  if (found == groups_.end()) return;
  Cgroup& group = *found->second.group;
  found->second.is_empty = !group.is_populated();
  if (found->second.is_empty) return;
  if (all || is_orphaned()) {
    group.kill();
  } else {
    CgroupMembers members(table_, group);
    kill_session(members, leader.pid);
    found->second.session = leader.pid;
  }
}

// The last one, because most of the others have died when it has.
std::optional<pid_t> Containment::dying(AttemptId attempt) {
  auto found = groups_.find(attempt);
  if (found == groups_.end() || found->second.is_empty) return std::nullopt;
  const AttemptGroup& ended = found->second;
  if (!ended.group->is_populated()) return std::nullopt;
  std::optional<pid_t> last;
  CgroupMembers members(table_, *ended.group);
  members.for_each([&](const Process& process) {
    if (ended.group->was_killed() || process.session == ended.session) last = process.pid;
  });
  return last;
}

void Containment::end(AttemptId attempt) {
  auto group = groups_.extract(attempt);
  if (group) give_back(std::move(group.mapped()));
}

void Containment::free_descriptors() {
  if (pool_) pool_->drop_free();
}

void Containment::give_back(AttemptGroup ended) {
  pool_->give_back(std::move(ended.group), ended.is_empty);
  pool_->tidy(kTidied);
}

bool Containment::is_settled() {
  if (!pool_) return true;
  pool_->tidy(pool_->occupied());
  return pool_->is_settled();
}

void Containment::clear() {
  if (!pool_) return;
  pool_->clear();
  // The root of the file system has no write permission, so that even root needs
  // CAP_DAC_OVERRIDE to remove the directory there.
  HeldCapabilities held;
  if (get_capabilities(held) == 0) {
    held.effective = held.permitted;
    set_capabilities(held);
  }
  tree_->remove();
}

}  // namespace filed
