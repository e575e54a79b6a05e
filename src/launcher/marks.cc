#include "launcher/marks.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace filed {
namespace {

constexpr int kMaxKillAttempts = 5;     // for what an attempt leaves; each has many rounds
constexpr int kMaxMarkedAttempts = 10;  // the same for what a crash has left

std::vector<pid_t> ancestors_of(ProcessTable& table, pid_t pid) {
  std::vector<pid_t> ancestors;
  for (auto process = table.read(pid); process && process->parent > 1;) {
    ancestors.push_back(process->parent);
    process = table.read(process->parent);
  }
  return ancestors;
}

// Whether a process, which is not our child, carries the mark of one of the attempts.
bool is_marked(ProcessTable& table, const Process& process, std::string_view token,
               const std::vector<AttemptId>& attempts) {
  if (process.parent == table.self()) return false;
  auto attempt = table.marked_attempt(process.pid, token);
  return attempt && std::ranges::find(attempts, *attempt) != attempts.end();
}

}  // namespace

Marks::Marks(std::string token, Children& children, ProcessTable& table)
    : token_(std::move(token)), children_(children), table_(table) {}

std::string Marks::mark(AttemptId attempt) const {
  return std::string(kRunVariable) + "=" + token_ + "." + std::to_string(attempt);
}

// True for a leader, a member of its session, and an orphan of ours with the attempt's mark.
bool Marks::belongs_to(const Process& process, const Targets& targets) {
  if (targets.contains(process.pid) || targets.contains(process.session)) return true;
  if (process.parent != table_.self() || children_.contains(process.pid)) return false;
  auto attempt = table_.marked_attempt(process.pid, token_);
  return attempt && std::ranges::any_of(
                        targets, [&](const auto& target) { return target.second == *attempt; });
}

void Marks::signal(const Targets& targets, std::initializer_list<int> signals) {
  auto filter = [&](const Process& process) { return belongs_to(process, targets); };
  signal_processes(table_, filter, Descendants::kYes, signals);
}

bool Marks::kill(const Targets& targets) {
  auto filter = [&](const Process& process) { return belongs_to(process, targets); };
  return kill_processes(table_, filter, Descendants::kYes).finished;
}

// Whether the launcher has a child that may belong to the ended attempt. Only then all processes
// have to be looked at, because all orphans below the launcher come to it.
bool Marks::has_left(const Child& leader, bool all) {
  child_list_.read(pids_);
  bool found = false;
  for (pid_t pid : pids_) {
    if (children_.contains(pid)) continue;
    // Also one that has outlived an attempt before: it may be this one's.
    if (all) return true;
    if (outliving_.contains(pid)) continue;
    auto process = table_.read(pid);
    if (!process || process->dead || process->group == leader.pid) continue;
    if (process->session != leader.pid) {
      // An orphan of an attempt that still runs stays untouched.
      if (children_.contains(process->session)) continue;
      auto attempt = table_.marked_attempt(pid, token_);
      if (attempt && *attempt != leader.attempt && children_.contains_attempt(*attempt)) continue;
      outliving_.insert(pid);
    }
    // Also for one that lives on, this once: its children may still be in the session.
    found = true;
  }
  return found;
}

void Marks::kill_rest(const Child& leader, bool all) {
  ::kill(-leader.pid, SIGKILL);  // its process group, by one call
  if (!has_left(leader, all)) return;
  if (!all) return kill_session(table_, leader.pid);
  Targets targets = {{leader.pid, leader.attempt}};
  for (int attempt = 0; attempt < kMaxKillAttempts && !kill(targets); ++attempt) {
  }
}

int kill_marked(std::string_view token, const std::vector<AttemptId>& attempts) {
  LinuxProcesses table;
  std::vector<pid_t> ancestors = ancestors_of(table, table.self());
  auto filter = [&](const Process& process) { return is_marked(table, process, token, attempts); };
  int killed = 0;
  for (int attempt = 0; attempt < kMaxMarkedAttempts; ++attempt) {
    KillResult result = kill_processes(table, filter, Descendants::kYes, ancestors);
    killed += result.killed;
    if (result.finished) break;
  }
  return killed;
}

std::vector<AttemptProcess> find_marked(std::string_view token,
                                        const std::vector<AttemptId>& attempts) {
  LinuxProcesses table;
  std::vector<pid_t> ancestors = ancestors_of(table, table.self());
  std::vector<AttemptProcess> found;
  for (AttemptId attempt : attempts) {
    auto filter = [&](const Process& process) {
      return is_marked(table, process, token, {attempt});
    };
    for (const Process& process : find_processes(table, filter, Descendants::kYes, ancestors)) {
      found.push_back({attempt, process.pid});
    }
  }
  return found;
}

int kill_adopted(std::string_view token, const Targets& targets,
                 const std::unordered_set<AttemptId>& attempts) {
  LinuxProcesses table;
  auto filter = [&](const Process& process) {
    if (targets.contains(process.pid) || targets.contains(process.session)) return true;
    if (process.parent != table.self()) return false;
    auto attempt = table.marked_attempt(process.pid, token);
    return !attempt || attempts.contains(*attempt);
  };
  kill_processes(table, filter, Descendants::kYes);
  return signal_processes(table, filter, Descendants::kYes, {});
}

}  // namespace filed
