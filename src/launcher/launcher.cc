// One loop: wait for the socket, for SIGCHLD and for starts that are under way. What a turn finds
// is handled in this order: children that have ended, then starts, then messages in the order of
// sending, then what these messages want killed, all trees at once; then the replies leave
// together.
//
// How an attempt ends. Its main process is seen as a zombie and left one for the moment: so its
// number, which is also that of its process group and session, cannot get another owner while we
// kill what it left. That is its process group, which costs one call; and, only if we then have a
// child that is no attempt's main process (we are the reaper of all orphans below us), whoever else
// is in its session. What has left the session did so on purpose (a service that the job has
// started) and lives on, unless the attempt was told to end: then everything goes that descends
// from it, also what was orphaned meanwhile and is known by its mark only. Then the main process is
// reaped and reported.
//
// Signals. All are blocked for good, and the launcher is in a session of its own: a Ctrl-C meant
// for filed does not concern it. It leaves when filed does, which the socket's end tells.
#include "launcher/launcher.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <new>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/privileges.h"
#include "base/users.h"
#include "launcher/process_tree.h"
#include "launcher/protocol.h"
#include "launcher/spawn.h"

namespace filed {
namespace {

constexpr int kMaxKillAttempts = 5;             // for what an attempt leaves; each has many rounds
constexpr int kRetryMs = 20;                    // until trees that outran a kill are tried again
constexpr int64_t kLastWaitNs = 3 * kNsPerSec;  // for the killed to be gone, at the end
constexpr int64_t kUnmountWaitNs = 5 * kNsPerSec;  // for fusermount3

// The number of the mount on top of `path`, which the kernel gives to no other mount meanwhile; -1
// when it cannot be told. Asks the filesystem nothing: its server may be dead, or waiting for us.
int mount_id(const std::string& path) {
  Fd directory(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return -1;
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fdinfo/%d", directory.get());
  Fd info(open(name, O_RDONLY | O_CLOEXEC));
  char text[512];
  ssize_t size = info ? read(info.get(), text, sizeof text - 1) : 0;
  if (size <= 0) return -1;
  text[size] = '\0';
  const char* field = strstr(text, "mnt_id:");
  return field == nullptr ? -1 : atoi(field + strlen("mnt_id:"));
}

// What it takes to start attempts as their owners: to change ids, to set limits and niceness, to
// empty bounding sets; to find and to kill the processes of all of them; to detach the mount. For
// the time between the fork and the exec a child has these, too.
constexpr Capabilities kForOwners =
    capability(CAP_SETUID) | capability(CAP_SETGID) | capability(CAP_SETPCAP) |
    capability(CAP_KILL) | capability(CAP_SYS_PTRACE) | capability(CAP_DAC_READ_SEARCH) |
    capability(CAP_SYS_ADMIN) | capability(CAP_SYS_RESOURCE) | capability(CAP_SYS_NICE);

// The same when all attempts are of one user, which is then the launcher's too. CAP_SYS_PTRACE and
// CAP_DAC_READ_SEARCH read the environments of processes that have made themselves unreadable.
constexpr Capabilities kForOneUser = capability(CAP_SYS_PTRACE) | capability(CAP_DAC_READ_SEARCH) |
                                     capability(CAP_SYS_ADMIN) | capability(CAP_SYS_RESOURCE) |
                                     capability(CAP_SYS_NICE);

// Gives up what is not needed. Returns the settings as they are to be used from then on.
LauncherSettings drop_rights(LauncherSettings settings) {
  if (settings.as_owner || (settings.user ? settings.user->uid : geteuid()) == 0) {
    // Root's attempts get their capabilities from what is permitted here: an exec under
    // no_new_privs gives no others. So these are not in force, but they are held.
    keep_capabilities(~Capabilities{0}, kForOwners);
    return settings;
  }
  drop_bounding_set();  // what an exec could give back; where that is not permitted, no_new_privs
                        // does it
  if (settings.user) {
    switch_user(user_in_group(settings.user->uid, settings.user->gid), kForOneUser);
    settings.user.reset();
  } else {
    keep_capabilities(0, 0);
  }
  // Changing ids has made it dumpable again, where the system is set up so.
  prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
  return settings;
}

// Closes all descriptors above 2 but `keep`: what filed had open at the fork is not ours.
void close_others(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned next = 3;
  auto close_gap = [&](unsigned last) {
    if (next > last || syscall(SYS_close_range, next, last, 0) == 0) return;
    long open_max = sysconf(_SC_OPEN_MAX);
    for (unsigned fd = next; fd <= last && fd < static_cast<unsigned long>(open_max); ++fd) {
      close(static_cast<int>(fd));
    }
  };
  for (int fd : keep) {
    if (fd < static_cast<int>(next)) continue;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (fd > 0) close_gap(static_cast<unsigned>(fd) - 1);
    next = static_cast<unsigned>(fd) + 1;
  }
  close_gap(~0U);
}

// Signals: defaults, so that none is ignored in a job; then all blocked.
void take_over_signals() {
  // Not by sigaction(3), which leaves out those that the C library keeps for itself. A kernel's
  // struct of all zeros means the default; it is not larger than this anywhere.
  const uint64_t defaults[8] = {};
  for (int signal = 1; signal < _NSIG; ++signal) {
    syscall(SYS_rt_sigaction, signal, defaults, nullptr, size_t{_NSIG / 8});
  }
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  // We stop processes before we kill them; each would wake us.
  action.sa_flags = SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, nullptr);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
}

class LauncherProcess {
 public:
  LauncherProcess(const LauncherSettings& settings, Fd socket);
  [[noreturn]] void serve();

 private:
  struct Main {
    AttemptId run;
    bool condemned = false;  // it was told to end: nothing of it may live on
  };

  void receive();
  void handle(size_t packet);
  void start(const StartMessage& message, size_t packet);
  void look_at_start(pid_t pid, bool ready);
  void give_up_start(pid_t pid, const StartFailure& failure);
  void reap();
  void forget(pid_t pid);
  void main_ended(pid_t pid, const Main& main);
  void kill_condemned();
  bool belongs_to(const Process& process, const std::unordered_map<pid_t, AttemptId>& targets);
  void reply(const Message& message);
  void send_replies();
  void unmount();
  [[noreturn]] void leave();

  const LauncherSettings settings_;
  Fd socket_;
  Fd signals_;
  Spawner spawner_;
  ChildList child_list_;
  PacketBatch incoming_;
  std::vector<std::string> replies_;

  std::unordered_map<pid_t, Main> mains_;
  std::unordered_map<AttemptId, pid_t> runs_;
  std::unordered_map<pid_t, Starting> starting_;  // of the mains, those that have not come to exec
  std::vector<pollfd> polled_;
  std::vector<pid_t> polled_starts_;
  std::unordered_map<pid_t, AttemptId> to_terminate_;  // by the messages of this turn
  std::unordered_map<pid_t, AttemptId> to_kill_;
  std::unordered_set<pid_t> survivors_;  // children who left an ended attempt's session on purpose
  std::vector<pid_t> children_;
  int mount_id_ = -1;
  bool leaving_ = false;
};

LauncherProcess::LauncherProcess(const LauncherSettings& settings, Fd socket)
    : settings_(settings), socket_(std::move(socket)), spawner_(settings_, socket_.get()) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  signals_.reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw_errno("signalfd");
}

void LauncherProcess::serve() {
  for (;;) {
    polled_ = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    polled_starts_.clear();
    for (const auto& [pid, starting] : starting_) {
      polled_starts_.push_back(pid);
      polled_.push_back({starting.report.get(), POLLIN, 0});
    }
    int timeout = to_kill_.empty() && starting_.empty() ? -1 : kRetryMs;
    if (poll(polled_.data(), polled_.size(), timeout) < 0 && errno != EINTR) leave();
    if (polled_[1].revents != 0) {
      signalfd_siginfo info;
      // One SIGCHLD stands for any number of children: reap() looks for all of them.
      while (read(signals_.get(), &info, sizeof info) < 0 && errno == EINTR) {
      }
      reap();
    }
    for (size_t i = 0; i < polled_starts_.size(); ++i) {
      look_at_start(polled_starts_[i], polled_[i + 2].revents != 0);
    }
    if (polled_[0].revents != 0) receive();
    kill_condemned();
    send_replies();
    if (leaving_) leave();
  }
}

void LauncherProcess::receive() {
  for (;;) {
    int error = incoming_.receive(socket_.get());
    if (error == EAGAIN || error == EINTR) return;
    if (error != 0) {
      leaving_ = true;
      return;
    }
    for (size_t i = 0; i < incoming_.size() && !leaving_; ++i) handle(i);
    // A full batch may have left more. Not before the replies.
    if (leaving_ || !replies_.empty() || incoming_.size() < PacketBatch::kCapacity) return;
  }
}

void LauncherProcess::handle(size_t packet) {
  auto message = decode(incoming_.bytes(packet));
  if (!message) {
    // Both ends are one program: this is a bug or an attack, and nothing to go on with.
    log_error("launcher: malformed message");
    leaving_ = true;
  } else if (auto* to_start = std::get_if<StartMessage>(&*message)) {
    start(*to_start, packet);
  } else if (auto* configure = std::get_if<ConfigureMessage>(&*message)) {
    spawner_.configure(configure->limits, configure->env);
  } else if (auto* terminate = std::get_if<TerminateMessage>(&*message)) {
    auto run = runs_.find(terminate->run);
    if (run != runs_.end()) to_terminate_[run->second] = run->first;
  } else if (auto* kill = std::get_if<KillMessage>(&*message)) {
    auto run = runs_.find(kill->run);
    if (run != runs_.end()) to_kill_[run->second] = run->first;
  } else if (std::holds_alternative<MountedMessage>(*message)) {
    mount_id_ = mount_id(settings_.mount_dir);
  } else if (std::holds_alternative<QuitMessage>(*message)) {
    leaving_ = true;
  }
}

void LauncherProcess::start(const StartMessage& message, size_t packet) {
  Fd output = incoming_.take(packet, 0);
  Fd text = incoming_.take(packet, 1);
  StartFailure failure;
  Starting starting;
  pid_t pid = 0;
  if (incoming_.descriptors_lost(packet) || !output ||
      ((message.hook || message.kind != TextKind::kArgument) && !text)) {
    failure = {"descriptors", EMFILE, Fault::kMachine};
  } else {
    pid = spawner_.start(message, output.get(), std::move(text), &starting, &failure);
  }
  if (pid == 0) {
    reply(StartFailedMessage{message.run, failure.stage, failure.error, failure.fault});
    return;
  }
  mains_[pid] = {message.run};
  runs_[message.run] = pid;
  starting_[pid] = std::move(starting);
  look_at_start(pid, true);
}

// `ready`: it has ended, one way or another.
void LauncherProcess::look_at_start(pid_t pid, bool ready) {
  auto entry = starting_.find(pid);
  if (entry == starting_.end()) return;
  StartFailure failure;
  StartState state = ready ? Spawner::look(entry->second, &failure) : StartState::kUnderWay;
  if (state == StartState::kOver) {
    reply(StartedMessage{mains_[pid].run, pid});
    starting_.erase(entry);
  } else if (state == StartState::kFailed || Spawner::is_stuck(pid, entry->second, &failure)) {
    give_up_start(pid, failure);
  }
}

// Tells that the start has failed, and forgets the child. It dies as soon as it can.
void LauncherProcess::give_up_start(pid_t pid, const StartFailure& failure) {
  ::kill(pid, SIGKILL);
  ::kill(-pid, SIGKILL);  // should it have come to its exec this very moment
  AttemptId run = mains_[pid].run;
  reply(StartFailedMessage{run, failure.stage, failure.error, failure.fault});
  starting_.erase(pid);
  forget(pid);
  survivors_.insert(pid);
}

// The process is no attempt's main process any more.
void LauncherProcess::forget(pid_t pid) {
  to_kill_.erase(pid);
  to_terminate_.erase(pid);
  auto entry = mains_.find(pid);
  runs_.erase(entry->second.run);
  mains_.erase(entry);
}

void LauncherProcess::reap() {
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    pid_t pid = info.si_pid;
    look_at_start(pid, true);
    auto entry = mains_.find(pid);
    bool is_main = entry != mains_.end();
    if (is_main) main_ended(pid, entry->second);

    int status = 0;
    rusage usage{};
    if (wait4(pid, &status, 0, &usage) != pid) return;
    survivors_.erase(pid);
    if (!is_main) continue;
    auto micros = [](const timeval& t) { return int64_t{t.tv_sec} * 1'000'000 + t.tv_usec; };
    AttemptId run = entry->second.run;
    reply(ExitedMessage{
        run, {status, micros(usage.ru_utime) + micros(usage.ru_stime), int64_t{usage.ru_maxrss}}});
    forget(pid);
  }
}

// The main process `pid` is a zombie: kills what it left behind.
void LauncherProcess::main_ended(pid_t pid, const Main& main) {
  ::kill(-pid, SIGKILL);
  child_list_.read(children_);
  bool is_left = false;
  for (pid_t child : children_) {
    if (mains_.count(child) > 0) continue;
    if (main.condemned) {
      is_left = true;  // be it an old survivor: it may be this attempt's
      break;
    }
    if (survivors_.count(child) > 0) continue;
    auto process = read_process(child);
    if (!process || process->dead || process->group == pid) continue;
    if (process->session != pid) {
      // An orphan of an attempt that still runs is no business of ours.
      if (mains_.count(process->session) > 0) continue;
      auto run = marked_run(child, settings_.token);
      if (run && *run != main.run && runs_.count(*run) > 0) continue;
      survivors_.insert(child);
    }
    // Also for a survivor, this once: some of its children may not have left the session.
    is_left = true;
  }
  if (!is_left) return;
  std::unordered_map<pid_t, AttemptId> targets = {{pid, main.run}};
  for (int attempt = 0; attempt < kMaxKillAttempts; ++attempt) {
    KillResult result =
        main.condemned
            ? kill_processes([&](const Process& p) { return belongs_to(p, targets); },
                             Descendants::kYes)
            : kill_processes([&](const Process& p) { return p.session == pid; }, Descendants::kNo);
    if (result.finished) break;
  }
}

// Whether the process is the root of something that belongs to one of the attempts (main process to
// run): itself the main process, in its session, or an orphan of ours with its mark.
bool LauncherProcess::belongs_to(const Process& process,
                                 const std::unordered_map<pid_t, AttemptId>& targets) {
  if (targets.count(process.pid) > 0 || targets.count(process.session) > 0) return true;
  if (process.parent != getpid() || mains_.count(process.pid) > 0) return false;
  auto run = marked_run(process.pid, settings_.token);
  return run && std::any_of(targets.begin(), targets.end(),
                            [&](const auto& target) { return target.second == *run; });
}

void LauncherProcess::kill_condemned() {
  auto condemn = [&](const std::unordered_map<pid_t, AttemptId>& targets) {
    for (const auto& target : targets) mains_[target.first].condemned = true;
  };
  condemn(to_terminate_);
  condemn(to_kill_);
  if (!to_terminate_.empty()) {
    auto filter = [&](const Process& process) { return belongs_to(process, to_terminate_); };
    // SIGCONT, so that who was stopped can obey.
    signal_processes(filter, Descendants::kYes, {SIGTERM, SIGCONT});
    to_terminate_.clear();
  }
  if (!to_kill_.empty()) {
    auto filter = [&](const Process& process) { return belongs_to(process, to_kill_); };
    if (kill_processes(filter, Descendants::kYes).finished) to_kill_.clear();
  }
}

void LauncherProcess::reply(const Message& message) { replies_.push_back(encode(message)); }

void LauncherProcess::send_replies() {
  size_t done = 0;
  while (done < replies_.size()) {
    PacketView packets[kSendAtOnce];
    size_t count = std::min(replies_.size() - done, kSendAtOnce);
    for (size_t i = 0; i < count; ++i) packets[i].bytes = replies_[done + i];
    // Waits when filed is slow: it never waits for us, so this ends.
    int sent = send_packets(socket_.get(), packets, count, true);
    if (sent < 0) {
      leaving_ = true;
      break;
    }
    done += static_cast<size_t>(sent);
  }
  replies_.clear();
}

void LauncherProcess::unmount() {
  if (mount_id_ < 0 || mount_id(settings_.mount_dir) != mount_id_) return;
  if (!settings_.use_fusermount) {
    if (umount2(settings_.mount_dir.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      log_warning("launcher: umount %s: %s", settings_.mount_dir.c_str(), strerror(errno));
    }
    return;
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::string program = "fusermount3";
  std::string flags = "-uzq";
  std::string separator = "--";
  std::string directory = settings_.mount_dir;
  char* argv[] = {program.data(), flags.data(), separator.data(), directory.data(), nullptr};
  pid_t pid = 0;
  int error = posix_spawnp(&pid, program.c_str(), nullptr, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    log_warning("launcher: fusermount3: %s", strerror(error));
    return;
  }
  SystemClock clock;
  for (int64_t deadline = clock.mono_ns() + kUnmountWaitNs; clock.mono_ns() < deadline;) {
    if (waitpid(pid, nullptr, WNOHANG) != 0) return;
    pollfd fd = {signals_.get(), POLLIN, 0};
    poll(&fd, 1, 100);
    signalfd_siginfo info;
    while (read(signals_.get(), &info, sizeof info) > 0) {
    }
  }
}

void LauncherProcess::leave() {
  std::unordered_map<pid_t, AttemptId> targets;
  for (auto& [pid, main] : mains_) {
    targets[pid] = main.run;
    main.condemned = true;
  }
  if (!targets.empty()) {
    SystemClock clock;
    int64_t deadline = clock.mono_ns() + kLastWaitNs;
    auto filter = [&](const Process& process) { return belongs_to(process, targets); };
    while (!kill_processes(filter, Descendants::kYes).finished && clock.mono_ns() < deadline) {
    }
    unmount();
    // They are dying. Who starts the next filed shall not find them.
    while (!mains_.empty() && clock.mono_ns() < deadline) {
      reap();
      replies_.clear();
      if (mains_.empty()) break;
      pollfd fd = {signals_.get(), POLLIN, 0};
      poll(&fd, 1, kRetryMs);
      signalfd_siginfo info;
      while (read(signals_.get(), &info, sizeof info) > 0) {
      }
    }
  } else {
    unmount();
  }
  _exit(0);
}

}  // namespace

void run_launcher(const LauncherSettings& settings, Fd socket) noexcept {
  prctl(PR_SET_NAME, "filed-launcher");
  closelog();  // its descriptor is closed below; the next line to be logged opens another
  setsid();
  take_over_signals();
  prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
  // Jobs of the same user may not look into it, nor through a child that is about to be a job.
  prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
  std::vector<int> keep = settings.confine_descriptors;
  keep.push_back(socket.get());
  close_others(std::move(keep));
  // It must not keep the directory busy in which filed was started.
  if (chdir("/") != 0) log_warning("launcher: /: %s", strerror(errno));
  try {
    LauncherProcess(drop_rights(settings), std::move(socket)).serve();
  } catch (const std::exception& error) {
    log_error("launcher: %s", error.what());
  }
  _exit(1);
}

}  // namespace filed
