// How an attempt ends. Its leader becomes a zombie. The leader stays a zombie until its process
// group and what else it has left are killed, so that its pid is not reused. Then it is reaped. The
// end is reported when all that was killed is dead: where there are cgroups, nothing of an attempt
// outlives its end but what it has left on purpose.
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
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"
#include "base/descriptors.h"
#include "launcher/launcher_process.h"
#include "launcher/signals.h"

namespace filed {
namespace {

// Children that one turn looks at, because a job could stop and go on without end.
constexpr int kMaxReaped = 1000;
constexpr size_t kMaxDead = 64;  // that one turn looks at; the others come next
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
    auto ending = ending_.find(killed_.front().second);
    killed_.pop_front();
    if (child != nullptr && child->order == Child::Order::kKilled) {
      child->order = Child::Order::kOverdue;
      tell_undying(child->attempt, child->pid);
    } else if (ending != ending_.end() && !std::exchange(ending->second.told, true)) {
      tell_undying(ending->first, ending->second.pid);
    }
  }
}

void LauncherProcess::tell_undying(AttemptId attempt, pid_t pid) {
  auto process = table_.read(pid);
  reply(UndyingMessage{attempt, pid, process ? process->state : '?'});
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
  containment_.reaped(pid);
  if (leader == nullptr) return;
  Ending ending;
  ending.attempt = leader->attempt;
  ending.word = leader->word;
  if (leader->phase == Child::Phase::kFailed) {
    const StartFailure& failure = leader->failure;
    ending.report =
        encode(StartFailedMessage{leader->attempt, failure.step, failure.error, failure.fault});
  } else {
    auto micros = [](const timeval& t) { return int64_t{t.tv_sec} * 1'000'000 + t.tv_usec; };
    ending.report = encode(ExitedMessage{leader->attempt,
                                         {status, micros(usage.ru_utime) + micros(usage.ru_stime),
                                          int64_t{usage.ru_maxrss}, out_of_memory}});
  }
  children_.erase(pid);
  if (is_over(ending)) return;
  killed_.emplace_back(SystemClock().mono_ns() + kDeathGraceNs, ending.attempt);
  AttemptId attempt = ending.attempt;
  ending_.emplace(attempt, std::move(ending));
}

// Reports the end if nothing of the attempt is dying. Else arranges a look at the time when one more
// process has died; if no descriptor is left for that, it is not waited for.
bool LauncherProcess::is_over(Ending& ending) {
  for (;;) {
    std::optional<pid_t> pid = containment_.dying(ending.attempt);
    if (pid) {
      ending.pid = *pid;
      ending.process = open_process(*pid);
      if (!ending.process && errno == ESRCH) continue;
      epoll_event event{};
      // Once, because a close does not take it out while a child has a copy, which it has until its exec.
      event.events = EPOLLIN | EPOLLONESHOT;
      event.data.u64 = ending.attempt;
      if (ending.process &&
          epoll_ctl(dying_.get(), EPOLL_CTL_ADD, ending.process.get(), &event) == 0) {
        return false;
      }
    }
    if (ending.word_ended) break;
    ending.word_ended = true;
    if (OrderWords::end(orders_.word(ending.word))) break;
    containment_.killed_by_filed(ending.attempt);
  }
  containment_.end(ending.attempt);
  replies_.push_back(std::move(ending.report));
  return true;
}

void LauncherProcess::look_at_dying() {
  std::array<epoll_event, kMaxDead> events;
  int count = epoll_wait(dying_.get(), events.data(), events.size(), 0);
  for (int i = 0; i < count; ++i) {
    auto ending = ending_.find(events[static_cast<size_t>(i)].data.u64);
    if (ending != ending_.end() && is_over(ending->second)) ending_.erase(ending);
  }
}

// The leader is dead, so only what it has left on purpose is to be killed.
void LauncherProcess::kill_ended(AttemptId attempt) {
  if (!ending_.contains(attempt)) return;
  if (Cgroup* group = containment_.group(attempt)) group->kill();
  reply(KilledMessage{attempt});
}

// The loop may not have come to the end of the socket yet. And a process that exits may close the
// pipes of jobs before its socket.
bool LauncherProcess::is_filed_gone() {
  pollfd socket = {socket_.get(), 0, 0};
  if (poll(&socket, 1, 0) > 0 || getppid() != filed_) return true;
  auto filed = table_.read(filed_);
  return filed && filed->exiting;
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
  auto is_ending = [](const auto& ending) { return !ending.second.told; };
  while (SystemClock().mono_ns() < deadline_ns) {
    reap();
    look_at_dying();
    replies_.clear();
    if (std::none_of(children_.begin(), children_.end(), is_dying) &&
        std::ranges::none_of(ending_, is_ending) && containment_.is_settled()) {
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
