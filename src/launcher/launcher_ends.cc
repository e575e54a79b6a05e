// How an attempt ends. Its leader becomes a zombie. The leader stays a zombie until its process
// group and what else it has left are killed, so that its pid is not reused. Then it is reaped and
// the end is reported.
//
// Waiting. A job may ask its parent, which is the launcher, to trace it. Then waitid(2) also tells
// of each stop of its threads, and a traced thread that has died keeps its leader from ending until
// it is reaped. So every wait is with WNOHANG and __WALL, only an exit or a deadly signal is an
// end, and a process that stops because it is traced is let go.
//
// filed's own end. If filed dies, a job that prints gets SIGPIPE, and may end by it before the
// launcher knows why. Such an end is no end by itself: it leaves nothing on purpose.
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "launcher/launcher_process.h"
#include "launcher/signals.h"

namespace filed {
namespace {

// Children that one turn looks at, because a job could stop and go on without end.
constexpr int kMaxReaped = 1000;
// A killed process has this long to die, which mostly takes some ms. Then filed is told.
constexpr int64_t kDeathGraceNs = kNsPerSec;
constexpr int64_t kExitWaitNs = 2 * kNsPerSec;  // for the killed to end, before the launcher exits

}  // namespace

void LauncherProcess::note_killed(Child& child) {
  child.order = Child::Order::kKilled;
  killed_.emplace_back(SystemClock().mono_ns() + kDeathGraceNs, child.attempt);
}

// Tells of those that have had their time to die.
void LauncherProcess::look_at_killed() {
  while (!killed_.empty() && killed_.front().first <= SystemClock().mono_ns()) {
    Child* child = children_.find_attempt(killed_.front().second);
    killed_.pop_front();
    if (child == nullptr || child->order != Child::Order::kKilled) continue;
    child->order = Child::Order::kOverdue;
    auto process = table_.read(child->pid);
    reply(UndyingMessage{child->attempt, child->pid, process ? process->state : '?'});
  }
}

void LauncherProcess::reap() {
  for (int i = 0; i < kMaxReaped; ++i) {
    siginfo_t info{};
    int flags = WEXITED | WNOHANG | WNOWAIT | __WALL;
    if (waitid(P_ALL, 0, &info, flags) != 0 || info.si_pid == 0) return;
    bool ended =
        info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
    if (ended) {
      reap_ended(info.si_pid);
    } else {
      stop_tracing(info.si_pid);
    }
  }
  more_to_reap_ = true;
}

// `pid` is a zombie: a leader, a process that has outlived its attempt, or a thread that was traced.
void LauncherProcess::reap_ended(pid_t pid) {
  Child* leader = children_.find(pid);
  bool out_of_memory = false;
  if (leader != nullptr) {
    look_at_start(*leader, true);
    if (leader->phase == Child::Phase::kRunning) leader->phase = Child::Phase::kEnded;
    containment_.kill_rest(*leader, [this] { return is_filed_gone(); });
    out_of_memory = containment_.ran_out_of_memory(leader->attempt);
  }
  int status = 0;
  rusage usage{};
  if (wait4(pid, &status, WNOHANG | __WALL, &usage) != pid) return;
  if (leader != nullptr && !OrderWords::end(orders_.word(leader->word))) {
    containment_.killed_by_filed(leader->attempt);
  }
  containment_.reaped(pid);
  if (leader == nullptr) return;
  if (leader->phase == Child::Phase::kFailed) {
    const StartFailure& failure = leader->failure;
    reply(StartFailedMessage{leader->attempt, failure.step, failure.error, failure.fault});
  } else {
    auto micros = [](const timeval& t) { return int64_t{t.tv_sec} * 1'000'000 + t.tv_usec; };
    reply(ExitedMessage{leader->attempt,
                        {status, micros(usage.ru_utime) + micros(usage.ru_stime),
                         int64_t{usage.ru_maxrss}, out_of_memory}});
  }
  children_.erase(pid);
}

// The end of the socket, which the loop may not have come to yet.
bool LauncherProcess::is_filed_gone() const {
  pollfd socket = {socket_.get(), 0, 0};
  return poll(&socket, 1, 0) > 0;
}

Targets LauncherProcess::with_order(Child::Order order) {
  Targets targets;
  for (const auto& [pid, child] : children_) {
    if (child.order == order) targets[pid] = child.attempt;
  }
  return targets;
}

void LauncherProcess::carry_out_orders() {
  if (!has_orders_) return;
  has_orders_ = false;
  if (Targets targets = with_order(Child::Order::kTerminate); !targets.empty()) {
    // SIGCONT lets a stopped process handle SIGTERM.
    containment_.signal(targets, {SIGTERM, SIGCONT});
    for (const auto& target : targets) {
      children_.find(target.first)->order = Child::Order::kTerminated;
    }
  }
  if (Targets targets = with_order(Child::Order::kKill); !targets.empty()) {
    if (!containment_.kill(targets)) {
      has_orders_ = true;  // again soon
      return;
    }
    for (const auto& target : targets) {
      reply(KilledMessage{target.second});
      note_killed(*children_.find(target.first));
    }
  }
}

// Kills all attempts. At most until the deadline, if they keep forking.
void LauncherProcess::kill_all(int64_t deadline_ns) {
  Targets targets;
  for (auto& [pid, child] : children_) {
    if (child.order != Child::Order::kOverdue) child.order = Child::Order::kKill;
    targets[pid] = child.attempt;
  }
  while (!containment_.kill(targets) && SystemClock().mono_ns() < deadline_ns) {
  }
}

// Reaps until no leader is left but those that do not die, nor what leaders have left,
// so that the next start of filed does not find dying processes.
void LauncherProcess::await_ends(int64_t deadline_ns) {
  auto is_dying = [](const auto& child) { return child.second.order != Child::Order::kOverdue; };
  while (SystemClock().mono_ns() < deadline_ns) {
    reap();
    replies_.clear();
    if (std::none_of(children_.begin(), children_.end(), is_dying) && containment_.is_settled()) {
      break;
    }
    pollfd fd = {signals_.get(), POLLIN, 0};
    poll(&fd, 1, kRetryNs / kNsPerMs);
    take_sigchld();
  }
}

void LauncherProcess::exit_process() {
  int64_t deadline_ns = SystemClock().mono_ns() + kExitWaitNs;
  if (!children_.empty()) kill_all(deadline_ns);
  mount_.unmount();
  await_ends(deadline_ns);
  containment_.clear();
  _exit(0);
}

}  // namespace filed
