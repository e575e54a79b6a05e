// The order of a start, and why:
//
// 1. The mount point is looked at, and what a dead filed has left there is detached.
// 2. The launcher and the notifier are forked: the process is still small and has all its rights.
// 3. The state is opened, which refuses a second filed. Attempts that a crash has left are killed,
// as
//    long as we may, and their jobs put back.
// 4. The queue is mounted. If anything fails from here on, the launcher sees our end and detaches
// it.
// 5. Rights are dropped: root's for those of the configured user, or for next to none, and all but
//    the sandbox's grants.
// 6. The loop serves. Requests that came since the mount have waited in the kernel.
//
// A turn of the loop: events stage changes, end_turn() commits them once, then replies leave and
// attempts go to the launcher.
#include "daemon.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "base/event_loop.h"
#include "base/files.h"
#include "base/log.h"
#include "base/privileges.h"
#include "base/users.h"
#include "launcher/client.h"
#include "mount/filesystem.h"
#include "mount/notifier.h"
#include "mount/session.h"
#include "queue/queue.h"
#include "queue/recovery.h"
#include "sandbox/program.h"
#include "sandbox/sandbox.h"

namespace filed {
namespace {

constexpr int64_t kQuitTimeoutNs = 5 * kNsPerSec;
constexpr int64_t kKillTimeoutMs = 5000;
constexpr int kMostKills = 500;  // of what a crash has left
constexpr useconds_t kKillPauseUs = 10'000;
constexpr int kDetachTimeoutMs = 2000;
// What a commit waits for further closes: at the most, and for the next sign of one.
constexpr int64_t kGatherNs = 3 * kNsPerMs;
constexpr int64_t kGatherPauseNs = 200'000;

// Who runs the daemon and its jobs.
struct Identity {
  bool root = false;
  std::optional<UserIds> user;     // of the daemon and all jobs, as configured
  bool owner_mode = false;         // attempts run as the owners of their jobs
  std::optional<UserIds> serving;  // whom this process becomes before it serves
  Capabilities kept = 0;           // and what it keeps then
};

Identity find_identity(const DaemonSettings& settings) {
  Identity identity;
  identity.root = geteuid() == 0;
  if (!identity.root) {
    if (!settings.user.empty() && find_user(settings.user).uid != geteuid()) {
      throw Error("user `" + settings.user + "`: only root can become another user");
    }
    return identity;
  }
  if (settings.user.empty()) {
    identity.owner_mode = true;
    // To serve needs no rights: the state is open, the launcher starts the jobs. But these are of
    // all users, and shall not outlive a launcher that is killed.
    identity.serving = unprivileged_user();
    identity.kept = capability(CAP_KILL);
    return identity;
  }
  identity.user = find_user(settings.user);
  if (!settings.group.empty()) {
    identity.user = user_in_group(identity.user->uid, find_group(settings.group));
  }
  identity.serving = identity.user;
  return identity;
}

// The default place of the state may not exist yet; one that was named must.
void make_default_folder(const Options& options, const Settings& settings,
                         const std::string& state_file) {
  if (options.state_file || !settings.daemon.state_file.empty()) return;
  // An error shows when the file is opened.
  make_folders(folder_of(state_file), 0700);
}

FixedNodes::Defaults node_defaults(const MountSettings& mount, const Identity& identity) {
  FixedNodes::Defaults defaults;
  defaults.mode = mount.mode;
  UserIds daemon = identity.user.value_or(UserIds{geteuid(), getegid()});
  defaults.daemon_uid = daemon.uid;
  defaults.daemon_gid = daemon.gid;
  defaults.uid = mount.owner.empty() ? daemon.uid : find_user(mount.owner).uid;
  defaults.gid = mount.group.empty() ? daemon.gid : find_group(mount.group);
  return defaults;
}

std::optional<Sandbox> prepare_job_sandbox(const Settings& settings) {
  if (settings.sandbox.empty()) return std::nullopt;
  SandboxOptions options;
  options.paths = grants_to_start(settings.queue.shell);
  Sandbox sandbox = Sandbox::prepare(settings.sandbox, options);
  for (const std::string& warning : sandbox.warnings()) {
    log_warning("sandbox: %s", warning.c_str());
  }
  return sandbox;
}

// A grant covers all that lies below it. What is filed's own may not be writable for jobs, and
// should not be readable. Throws Error.
void check_own_files(const Sandbox& jobs, const std::vector<std::string>& own) {
  for (const std::string& path : own) {
    if (std::string grant = jobs.grant_over(path, true); !grant.empty()) {
      throw Error("sandbox: " + escaped(path) + " lies in " + escaped(grant) +
                  ", which jobs may write");
    }
    if (std::string grant = jobs.grant_over(path, false); !grant.empty()) {
      log_warning("sandbox: %s lies in %s, which jobs may read", escaped(path).c_str(),
                  escaped(grant).c_str());
    }
  }
}

// Kills what a crash of both processes has left running, and waits until it is gone: its jobs run
// again.
void end_interrupted_attempts(const std::string& token, const std::vector<AttemptId>& runs) {
  int found = runs.empty() ? 0 : kill_marked(token, runs);
  if (found == 0) return;
  log_warning("killed %d processes of attempts that a crash had left", found);
  for (int i = 0; i < kMostKills && kill_marked(token, runs) > 0; ++i) usleep(kKillPauseUs);
}

// The file that a reload reads; empty if there is none.
std::string config_file(const Options& options) {
  if (!options.config_file && options.mount_dir) return "";
  return options.config_file.value_or(kDefaultConfigFile);
}

// Confines the daemon to its state, its configuration, and /proc, where it finds what runs when the
// launcher has died. It has no need of what its jobs may have, and never touches its mount: that is
// the notifier's.
void confine_daemon(const Options& options, const Settings& settings,
                    const std::string& state_file) {
  SandboxSpec spec;
  spec.required = settings.sandbox.required;
  SandboxOptions grants;
  grants.scoped = false;
  grants.paths.push_back({folder_of(state_file), true, false});
  if (std::string file = config_file(options); !file.empty()) {
    grants.paths.push_back({folder_of(file), false, false});
  }
  grants.paths.push_back({"/proc", false, false});
  const char* stage = "";
  if (int error = Sandbox::prepare(spec, grants).apply(&stage)) {
    throw_errno(std::string("sandbox: ") + stage, error);
  }
}

// What can only be chosen at a start is the same in both.
bool same_until_restart(const Settings& a, const Settings& b) {
  auto paths = [](const SandboxSpec& spec) {
    std::vector<std::pair<std::string, bool>> list;
    for (const PathGrant& grant : spec.paths) list.emplace_back(grant.path, grant.writable);
    return list;
  };
  return a.mount.dir == b.mount.dir && a.mount.mode == b.mount.mode &&
         a.mount.owner == b.mount.owner && a.mount.group == b.mount.group &&
         a.mount.allow_other == b.mount.allow_other && a.mount.inotify == b.mount.inotify &&
         a.daemon.user == b.daemon.user && a.daemon.group == b.daemon.group &&
         a.daemon.state_file == b.daemon.state_file && paths(a.sandbox) == paths(b.sandbox) &&
         a.sandbox.network == b.sandbox.network && a.sandbox.connect == b.sandbox.connect &&
         a.sandbox.bind == b.sandbox.bind && a.sandbox.required == b.sandbox.required;
}

class Daemon {
 public:
  Daemon(const Options& options, const Settings& settings);
  int run();

 private:
  void drop_rights(const std::string& state_file);
  void watch(int fd, uint32_t events, std::function<void()> handler);
  void take_signals();
  void reload();
  void arm_wall_timer();
  void gather_receipts();

  Options options_;
  Settings settings_;
  SystemClock clock_;
  Identity identity_;
  std::optional<Sandbox> job_sandbox_;
  std::optional<EventLoop> loop_;  // outlives those who watch something with it
  std::optional<LauncherClient> launcher_;
  std::optional<Store> store_;
  std::optional<Queue> queue_;
  std::optional<Notifier> notifier_;
  std::optional<Filesystem> filesystem_;
  std::optional<Session> session_;
  Fd signals_;
  Fd wall_timer_;
  int64_t wall_timer_ns_ = -1;

  bool launcher_gone_ = false;
  bool mount_gone_ = false;
};

// Marks the processes of this queue's jobs: the same from start to start, and another for each
// state file.
std::string token_of(const std::string& state_file) {
  uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (unsigned char c : state_file) hash = (hash ^ c) * 1099511628211U;
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

Daemon::Daemon(const Options& options, const Settings& settings)
    : options_(options), settings_(settings), identity_(find_identity(settings.daemon)) {
  // SQLite is told to follow no links, and the file's name is what its leftover processes are known
  // by.
  std::string state_file = with_real_folder(state_file_path(options, settings));
  FixedNodes::Defaults defaults = node_defaults(settings.mount, identity_);
  bool allow_other = decide_allow_other(settings.mount.allow_other);
  std::string mount_dir = prepare_mount_point(settings.mount.dir);
  job_sandbox_ = prepare_job_sandbox(settings);
  if (job_sandbox_) {
    std::vector<std::string> own = {state_file, mount_dir};
    if (std::string file = config_file(options); !file.empty()) own.push_back(file);
    check_own_files(*job_sandbox_, own);
  }

  sigset_t handled;
  sigemptyset(&handled);
  for (int signo : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signo);
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_.reset(signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw_errno("signalfd");

  LauncherSettings launcher;
  launcher.mount_dir = mount_dir;
  launcher.limits = settings.limits;
  launcher.env = settings.env;
  launcher.as_owner = identity_.owner_mode;
  if (identity_.user) launcher.user = JobUser{identity_.user->uid, identity_.user->gid};
  launcher.use_fusermount = !identity_.root;
  launcher.token = token_of(state_file);
  if (job_sandbox_) {
    launcher.confine = Sandbox::confine;
    launcher.confine_context = &*job_sandbox_;
    if (job_sandbox_->ruleset() >= 0) launcher.confine_descriptors = {job_sandbox_->ruleset()};
  }
  launcher_.emplace(launcher);
  notifier_.emplace(mount_dir);

  {
    std::optional<ScopedEffectiveUser> acting;
    if (identity_.user) acting.emplace(*identity_.user);
    make_default_folder(options, settings, state_file);
    store_.emplace(state_file);
  }
  Queue::Options queue_options;
  queue_options.owner_mode = identity_.owner_mode;
  queue_options.mount_dir = mount_dir;
  queue_options.hooks = settings.hooks;
  queue_.emplace(*store_, *launcher_, clock_, LiveSettings(settings), queue_options);
  end_interrupted_attempts(launcher.token, interrupted_attempts(*store_));
  if (int error = recover(*store_, clock_)) throw_errno(state_file, error);

  loop_.emplace();
  notifier_->attach(*loop_);
  wall_timer_.reset(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!wall_timer_) throw_errno("timerfd_create");
  launcher_->attach(*loop_, queue_->launcher_events(), [this] { launcher_gone_ = true; });

  filesystem_.emplace(*queue_, *store_, *notifier_, clock_, defaults, settings.mount.inotify);
  session_.emplace(*filesystem_, mount_dir, allow_other);
  launcher_->mounted();
  notifier_->mounted();
  drop_rights(state_file);
  queue_->set_watcher(&*filesystem_);

  watch(session_->fd(), EPOLLIN, [this] {
    if (session_->serve()) return;
    loop_->remove(session_->fd());
    mount_gone_ = true;
  });
  watch(session_->mounts_fd(), EPOLLPRI, [this] {
    if (session_->is_attached()) return;
    // Those who have something of it open are served to the end.
    loop_->remove(session_->mounts_fd());
    mount_gone_ = true;
  });
  watch(signals_.get(), EPOLLIN, [this] { take_signals(); });
  watch(wall_timer_.get(), EPOLLIN, [this] {
    // Read or ECANCELED (the clock was set): either way there may be something to do.
    uint64_t times;
    if (read(wall_timer_.get(), &times, sizeof times) < 0 && errno == EAGAIN) return;
    wall_timer_ns_ = -1;
    queue_->wall_clock_due();
  });
  log_info("ready: %s", escaped(mount_dir).c_str());
}

void Daemon::drop_rights(const std::string& state_file) {
  // In this order: the bounding set needs a right that the sandbox takes, and what the sandbox is
  // to open may be root's.
  if (identity_.root) {
    drop_bounding_set();
    prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
  }
  if (job_sandbox_) confine_daemon(options_, settings_, state_file);
  if (identity_.serving) {
    switch_user(*identity_.serving, identity_.kept);
  } else {
    keep_capabilities(0, 0);
  }
  std::string file = config_file(options_);
  if (!file.empty() && access(file.c_str(), R_OK) != 0) {
    log_warning("%s: user %u may not read it, so it cannot be read again without a restart",
                escaped(file).c_str(), static_cast<unsigned>(geteuid()));
  }
}

void Daemon::watch(int fd, uint32_t events, std::function<void()> handler) {
  int error = loop_->add(fd, events, [handler = std::move(handler)](uint32_t) { handler(); });
  if (error != 0) throw_errno("epoll_ctl", error);
}

void Daemon::take_signals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      reload();
    } else {
      log_info("stopping");
      queue_->stop();
    }
  }
}

void Daemon::reload() {
  try {
    Settings fresh = load_settings(options_);
    if (int error = launcher_->configure(fresh.limits, fresh.env)) throw_errno("[env]", error);
    queue_->set_base_settings(fresh);
    log_setup(fresh.daemon.log, fresh.daemon.log_level);
    if (!same_until_restart(settings_, fresh)) {
      log_warning("changes of [mount], [daemon] and [sandbox] take effect at the next start");
    }
    log_info("configuration read again");
  } catch (const Error& error) {
    log_error("%s; the settings stay as they were", error.what());
  }
}

void Daemon::arm_wall_timer() {
  int64_t next = queue_->next_wall_ns().value_or(-1);
  if (next == wall_timer_ns_) return;
  wall_timer_ns_ = next;
  itimerspec when{};
  // 1 ns after the epoch: a due time before it has come, and 0 would disarm the timer.
  if (next >= 0) when.it_value = to_timespec(std::max<int64_t>(next, 1));
  timerfd_settime(wall_timer_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, nullptr);
}

// Group commit: as long as writers that are known to be at work come on with their next requests,
// these are served before the turn ends.
void Daemon::gather_receipts() {
  if (!queue_->expects_receipts()) return;  // as in most turns
  int64_t now = clock_.mono_ns();
  int64_t until = now + kGatherNs;
  while (now < until && loop_->wait(std::min(until, now + kGatherPauseNs)) &&
         queue_->expects_receipts()) {
    now = clock_.mono_ns();
  }
}

int Daemon::run() {
  bool orderly = true;
  bool untidy = false;
  bool quitting = false;
  int64_t quit_by_ns = -1;
  while (!launcher_gone_) {
    int64_t deadline = quitting ? quit_by_ns : queue_->next_deadline_ns().value_or(-1);
    bool idle = !loop_->wait(untidy ? 0 : deadline);
    gather_receipts();
    if (std::exchange(mount_gone_, false) && !quitting && orderly) {
      log_error("the mount is gone; stopping");
      orderly = false;
      queue_->stop();
    }
    queue_->end_turn();
    launcher_->flush();
    arm_wall_timer();
    untidy = store_->tidy(idle);
    if (queue_->stopped() && !quitting) {
      // The loop goes on serving until the launcher has detached the mount, which may need an
      // answer.
      quitting = true;
      quit_by_ns = clock_.mono_ns() + kQuitTimeoutNs;
      launcher_->quit();
      launcher_->flush();
    }
    if (quitting && clock_.mono_ns() >= quit_by_ns) {
      log_error("the launcher does not leave");
      break;
    }
  }
  queue_->end_turn();
  if (!quitting || !launcher_gone_) {
    if (!quitting) log_error("the launcher is gone; killing what runs");
    orderly = false;
    // The notifier first, which would be killed with the jobs. What it may wait for cannot come any
    // more once the session has ended.
    std::string mount_dir = session_->mount_dir();
    session_.reset();
    if (!notifier_->unmount(kDetachTimeoutMs)) unmount(mount_dir);
    launcher_->kill_everything(kKillTimeoutMs);
  }
  if (int error = store_->close()) {
    log_error("%s: %s", store_->path().c_str(), strerror(error));
    orderly = false;
  }
  if (orderly) log_info("stopped");
  return orderly ? 0 : 1;
}

}  // namespace

int run_daemon(const Options& options, const Settings& settings) {
  return Daemon(options, settings).run();
}

void check_daemon(const Options& options, const Settings& settings) {
  state_file_path(options, settings);
  node_defaults(settings.mount, find_identity(settings.daemon));
  decide_allow_other(settings.mount.allow_other);
  prepare_job_sandbox(settings);
}

}  // namespace filed
