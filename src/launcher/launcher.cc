// One loop: wait for the socket, for SIGCHLD and for starts under way (spawn.cc). A turn handles, in
// this order: children that have ended, starts under way, what has been killed and does not die, then
// messages, a batch at a time. In a batch the kills come first. Orders are carried out for all attempts
// at once. Then the replies are sent together.
//
// Signals. All are blocked for good, and the launcher is in a session of its own, so that a Ctrl-C
// for filed does not reach it. The launcher exits when filed does, which it sees by the end of the
// socket.
#include "launcher/launcher.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/privileges.h"
#include "launcher/launcher_process.h"
#include "launcher/protocol.h"
#include "launcher/signals.h"

namespace filed {
namespace {

// What it takes to start attempts as their owners: to change ids, to set limits and niceness, to
// empty bounding sets; to find and to kill the processes of all of them; to unmount. A child has
// these, too, between fork and exec.
constexpr Capabilities kForOwners =
    capability(CAP_SETUID) | capability(CAP_SETGID) | capability(CAP_SETPCAP) |
    capability(CAP_KILL) | capability(CAP_SYS_PTRACE) | capability(CAP_DAC_READ_SEARCH) |
    capability(CAP_SYS_ADMIN) | capability(CAP_SYS_RESOURCE) | capability(CAP_SYS_NICE);

// Gives up what is not needed. With a user for all attempts it needs the same, because it stays
// root: as that user, its own jobs could stop it and kill it.
void drop_rights(const LauncherSettings& settings) {
  if (settings.as_owner || (settings.user ? settings.user->uid : geteuid()) == 0) {
    // Permitted, not effective: root's jobs inherit from the permitted set, because an exec under
    // no_new_privs gives no others.
    keep_capabilities(~Capabilities{0}, kForOwners);
    return;
  }
  // An exec could give capabilities back. Where this is not permitted, no_new_privs prevents it.
  drop_bounding_set();
  Capabilities kept = settings.user ? kForOwners & ~capability(CAP_SETPCAP) : 0;
  Capabilities permitted = kept;
  // To remove the directory of the groups at the end (Containment::clear).
  if (settings.user && settings.cgroups != nullptr) permitted |= capability(CAP_DAC_OVERRIDE);
  keep_capabilities(permitted, kept);
}

}  // namespace

LauncherProcess::LauncherProcess(const LauncherSettings& settings, Fd socket)
    : socket_(std::move(socket)),
      orders_(*settings.orders),
      spawner_(settings, socket_.get()),
      containment_(settings, children_, table_),
      mount_(settings.mount_dir, settings.use_fusermount) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  signals_.reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw_errno("signalfd");
  dying_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!dying_) throw_errno("epoll_create1");
}

void LauncherProcess::serve() {
  for (;;) {
    wait_for_events();
    if (polled_[1].revents != 0 || std::exchange(more_to_reap_, false)) {
      // One SIGCHLD stands for any number of children: reap() looks for all of them.
      take_sigchld();
      reap();
    }
    look_at_starts();
    if (polled_[2].revents != 0) look_at_dying();
    look_at_killed();
    if (polled_[0].revents != 0) receive();
    carry_out_orders();
    send_replies();
    if (exiting_) exit_process();
  }
}

void LauncherProcess::wait_for_events() {
  polled_ = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}, {dying_.get(), POLLIN, 0}};
  int64_t now = SystemClock().mono_ns();
  std::optional<int64_t> wake_ns;
  auto wake_at = [&](int64_t at_ns) { wake_ns = std::min(wake_ns.value_or(at_ns), at_ns); };
  if (has_orders_) wake_at(now + kRetryNs);
  if (more_to_reap_) wake_at(now);
  if (!killed_.empty()) wake_at(killed_.front().first);
  polled_pids_ = starting_;
  for (pid_t pid : starting_) {
    const Starting& start = *children_.find(pid)->starting;
    polled_.push_back({start.report.get(), POLLIN, 0});
    wake_at(start.look_at_ns);
  }
  timespec pause = to_timespec(std::max(wake_ns.value_or(now) - now, int64_t{0}));
  int count = ppoll(polled_.data(), polled_.size(), wake_ns ? &pause : nullptr, nullptr);
  if (count < 0 && errno != EINTR) exit_process();
}

void LauncherProcess::look_at_starts() {
  for (size_t i = 0; i < polled_pids_.size(); ++i) {
    Child* child = children_.find(polled_pids_[i]);
    if (child != nullptr) look_at_start(*child, polled_[i + kPolledAlways].revents != 0);
  }
}

void LauncherProcess::receive() {
  for (;;) {
    int error = incoming_.receive(socket_.get());
    if (error == EAGAIN || error == EINTR) return;
    if (error != 0) {
      exiting_ = true;
      return;
    }
    handle_batch();
    // After a full batch there may be more; but the replies go first.
    if (exiting_ || !replies_.empty() || incoming_.size() < PacketBatch::kCapacity) return;
  }
}

// Kills are carried out before anything is started. A start of the same batch that is to be killed
// has been withdrawn.
void LauncherProcess::handle_batch() {
  std::vector<Message> messages;
  for (size_t i = 0; i < incoming_.size(); ++i) {
    auto message = decode(incoming_.bytes(i));
    if (!message) {
      // Both ends are one program: this is a bug or an attack.
      log_error("launcher: malformed message");
      exiting_ = true;
      return;
    }
    if (auto* kill = std::get_if<KillMessage>(&*message)) order_kill(*kill);
    messages.push_back(std::move(*message));
  }
  carry_out_orders();
  for (size_t i = 0; i < messages.size() && !exiting_; ++i) handle(messages[i], i);
}

// A kill that was recalled is left out. If the attempt was killed already, that is reported again.
void LauncherProcess::order_kill(const KillMessage& kill) {
  Child* child = children_.find_attempt(kill.attempt);
  if (child == nullptr) return kill_ended(kill.attempt);
  if (!kill.recallable || OrderWords::kill(orders_.word(child->word))) {
    order(kill.attempt, Child::Order::kKill);
  } else if (child->order >= Child::Order::kKilled) {
    reply(KilledMessage{kill.attempt});
  }
}

void LauncherProcess::handle(const Message& message, size_t packet) {
  if (auto* to_start = std::get_if<StartMessage>(&message)) {
    start(*to_start, packet);
  } else if (auto* configure = std::get_if<ConfigureMessage>(&message)) {
    spawner_.configure(configure->limits, configure->env);
  } else if (auto* terminate = std::get_if<TerminateMessage>(&message)) {
    order(terminate->attempt, Child::Order::kTerminate);
  } else if (std::holds_alternative<MountedMessage>(message)) {
    mount_.note(incoming_.take(packet, 0));
  } else if (std::holds_alternative<QuitMessage>(message)) {
    exiting_ = true;
  }
}

// Each order is carried out at the end of the turn, also if the same one was carried out before.
void LauncherProcess::order(AttemptId attempt, Child::Order order) {
  Child* child = children_.find_attempt(attempt);
  if (child == nullptr) return;
  bool is_kill = order == Child::Order::kKill;
  if (!is_kill && child->order >= Child::Order::kKill) return;
  child->order = order;
  has_orders_ = true;
}

void LauncherProcess::start(const StartMessage& message, size_t packet) {
  Fd output = incoming_.take(packet, 0);
  Fd text = incoming_.take(packet, 1);
  StartFailure failure;
  Starting starting;
  pid_t pid = 0;
  auto limits = spawner_.limits_of(message);
  if (incoming_.descriptors_lost(packet) || !output ||
      ((message.hook || message.kind != TextKind::kArgument) && !text)) {
    failure = {"descriptors", EMFILE, Fault::kMachine};
  } else if (auto membership = containment_.begin(message.attempt, limits)) {
    orders_.set_group(message.order, membership->group);
    pid = spawner_.start(message, *membership, limits, output.get(), std::move(text), &starting,
                         &failure);
    if (pid == 0) containment_.end(message.attempt);
  } else {
    failure = {"cgroup", errno, fault_of(errno)};
  }
  if (pid == 0) {
    if (failure.error == EMFILE || failure.error == ENFILE) containment_.free_descriptors();
    reply(StartFailedMessage{message.attempt, failure.step, failure.error, failure.fault});
    return;
  }
  Child& child = children_.add(pid, message.attempt);
  child.word = message.order;
  child.starting = std::move(starting);
  starting_.push_back(pid);
}

// `ready`: the start may be over, one way or another.
void LauncherProcess::look_at_start(Child& child, bool ready) {
  if (child.phase != Child::Phase::kStarting) return;
  StartFailure failure;
  StartState state = ready ? Spawner::look(*child.starting, &failure) : StartState::kUnderWay;
  if (state == StartState::kOver) {
    child.phase = Child::Phase::kRunning;
    child.starting.reset();
    std::erase(starting_, child.pid);
    reply(StartedMessage{child.attempt, child.pid});
  } else if (state == StartState::kFailed ||
             Spawner::is_stuck(child.pid, *child.starting, &failure)) {
    give_up_start(child, failure);
  }
}

// The start has failed. This is reported when the child is dead, because it uses its slot until then.
void LauncherProcess::give_up_start(Child& child, const StartFailure& failure) {
  ::kill(child.pid, SIGKILL);
  ::kill(-child.pid, SIGKILL);  // in case it has reached its exec at this moment
  child.phase = Child::Phase::kFailed;
  child.failure = failure;
  std::erase(starting_, child.pid);
  note_killed(child);
}

// One read takes it: of each signal at most one is pending.
void LauncherProcess::take_sigchld() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) < 0 && errno == EINTR) {
  }
}

void LauncherProcess::reply(const Message& message) { replies_.push_back(encode(message)); }

void LauncherProcess::send_replies() {
  size_t done = 0;
  while (done < replies_.size()) {
    PacketView packets[kSendAtOnce];
    size_t count = std::min(replies_.size() - done, kSendAtOnce);
    for (size_t i = 0; i < count; ++i) packets[i].bytes = replies_[done + i];
    // May block until filed reads. No deadlock, because filed never waits for the launcher.
    int sent = send_packets(socket_.get(), packets, count, true);
    if (sent < 0) {
      exiting_ = true;
      break;
    }
    done += static_cast<size_t>(sent);
  }
  replies_.clear();
}

void run_launcher(const LauncherSettings& settings, Fd socket) noexcept {
  prctl(PR_SET_NAME, "filed-launcher");
  setsid();
  take_over_signals();
  prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
  // Jobs of the same user may not trace it, nor a child of it before its exec.
  prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
  std::vector<int> keep = settings.confine_descriptors;
  keep.push_back(socket.get());
  for (int fd : log_descriptors()) keep.push_back(fd);
  if (settings.kill_files >= 0) keep.push_back(settings.kill_files);
  if (settings.cgroups != nullptr) {
    for (int fd : settings.cgroups->descriptors()) keep.push_back(fd);
  }
  close_descriptors_but(std::move(keep));
  // It must not keep filed's working directory busy.
  if (chdir("/") != 0) log_warning("launcher: /: %s", strerror(errno));
  try {
    drop_rights(settings);
    LauncherProcess(settings, std::move(socket)).serve();
  } catch (const std::exception& error) {
    log_error("launcher: %s", error.what());
  }
  _exit(1);
}

}  // namespace filed
