// The steps of a start, one method each, and why they come in this order:
//
// 1. check_places    looks at all that a start needs, as `filed -check` does (start_plan.h). Then it
//                    locks the mount point, and unmounts what a dead filed has left there.
// 2. fork_helpers    forks the launcher and the notifier while the process is small and has all its
//                    rights.
// 3. open_state      gives the state to the user that serves, and opens it, which refuses a second
//                    filed. Then it kills the processes of jobs that a crash has left (leftovers.h),
//                    while it still has the right to, and requeues these jobs.
// 4. mount           If anything fails from here on, the launcher sees that this process has ended,
//                    and unmounts.
// 5. drop_rights     gives up root's rights and, with a sandbox, access to most files.
// 6. watch_events    The loop serves. Requests that came since the mount have waited in the kernel.
//
// A turn of the loop: events stage changes, end_turn() commits them once, then the replies are sent
// and the attempts go to the launcher.
//
// The phases of the loop:
//
//     kServing ── SIGTERM, SIGINT, the mount is gone ──► kStopping
//     kStopping ── all attempts have ended ──► kQuitting: the launcher unmounts and exits
//     any ── the launcher has exited, or the stop takes too long ──► the end
//
// All phases serve requests: the launcher's unmount may need an answer. A stop has a deadline from
// its signal on, whatever hangs: stop_grace, kill_grace and 5 s. An attempt that has not ended by
// then stays active in the state, and the next start runs its job again.
#include "daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/event_loop.h"
#include "base/files.h"
#include "base/inherited.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/privileges.h"
#include "base/reap.h"
#include "config/keys.h"
#include "confinement.h"
#include "launcher/cgroup_tree.h"
#include "launcher/client.h"
#include "launcher/own_mount.h"
#include "leftovers.h"
#include "mount/filesystem.h"
#include "mount/mount_point.h"
#include "mount/notifier.h"
#include "mount/session.h"
#include "queue/queue.h"
#include "queue/recovery.h"
#include "sandbox/sandbox.h"
#include "start_plan.h"
#include "state_owner.h"
#include "state_watch.h"

namespace filed {
namespace {

// The last 5 s of a stop, when the graces are over. First the ends of killed attempts are stored, and
// the launcher unmounts and exits. If it does not, filed itself unmounts and kills what is left.
constexpr int64_t kQuitTimeoutNs = 3 * kNsPerSec;
constexpr int kUnmountTimeoutMs = 1000;
constexpr int64_t kKillTimeoutMs = 1000;
// The same kill if the launcher was lost while filed served.
constexpr int64_t kLostKillTimeoutMs = 5000;

// Creates the directory of the state if its default place is used. A place that was configured must
// exist. An error shows when the file is opened.
void make_default_directory(const Options& options, const Settings& settings,
                            const std::string& state_file) {
  if (options.state_file || !settings.daemon.state_file.empty()) return;
  make_directories(directory_of(state_file), 0700);
}

class Daemon {
 public:
  Daemon(const Options& options, const Settings& settings);
  int run();

 private:
  enum class Phase : uint8_t { kServing, kStopping, kQuitting };

  void check_places();
  void make_cgroups();
  void tell_containment() const;
  void tell_who_sees_it() const;
  void fork_helpers();
  void open_state();
  void mount();
  void watch_events();

  void block_signals();
  LauncherSettings launcher_settings();
  void watch(int fd, uint32_t events, std::function<void()> handler);
  void take_signals();
  void reload();
  void take_wall_timer();
  void arm_wall_timer();

  void gather_receipts();
  bool turn(bool untidy);
  void advance();
  void stop();
  bool is_in_time();
  void end_without_launcher();

  Options options_;
  Settings settings_;
  SystemClock clock_;
  Identity identity_;
  std::string state_file_;
  std::optional<MountPoint> point_;
  std::string token_;
  bool allow_other_ = false;
  FixedNodes::Defaults nodes_;
  std::optional<Sandbox> job_sandbox_;
  CgroupSystem cgroup_system_;
  CgroupTree cgroups_;                   // the launcher's client refers to it
  std::vector<UndyingProcess> undying_;  // of earlier starts
  std::optional<EventLoop> loop_;        // the parts below watch descriptors with it
  std::optional<LauncherClient> launcher_;
  std::optional<Store> store_;
  std::optional<StateWatch> state_watch_;
  std::optional<Queue> queue_;
  std::optional<Notifier> notifier_;
  std::optional<Filesystem> filesystem_;
  std::optional<Session> session_;
  Fd signals_;
  Fd wall_timer_;
  std::optional<int64_t> wall_timer_ns_;  // empty: not armed

  Phase phase_ = Phase::kServing;
  std::optional<int64_t> stop_by_ns_;  // the deadline of a stop, monotonic
  bool orderly_ = true;                // nothing was lost and nothing has failed
  bool launcher_gone_ = false;
  bool mount_gone_ = false;
};

Daemon::Daemon(const Options& options, const Settings& settings)
    : options_(options), settings_(settings) {
  check_places();
  fork_helpers();
  open_state();
  mount();
  drop_rights(identity_, job_sandbox_.has_value(), options_, settings_, state_file_);
  watch_events();
  tell_containment();
  log_info("ready: %s", escaped(point_->path()).c_str());
  notify_ready();
}

// --- a start

void Daemon::check_places() {
  DaemonPlan plan = plan_start(options_, settings_, false);
  identity_ = plan.identity;
  state_file_ = plan.state_file;
  nodes_ = plan.nodes;
  allow_other_ = plan.allow_other;
  job_sandbox_ = std::move(plan.job_sandbox);
  token_ = random_token();
  point_.emplace(settings_.mount.dir);
}

// From now on signals are read from a descriptor.
void Daemon::block_signals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (int signo : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signo);
  if (getpid() == 1) sigaddset(&handled, SIGCHLD);
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_.reset(signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw_errno("signalfd");
}

LauncherSettings Daemon::launcher_settings() {
  LauncherSettings launcher;
  launcher.mount_dir = point_->path();
  launcher.limits = settings_.limits;
  launcher.env = settings_.env;
  launcher.as_owner = identity_.owner_mode;
  launcher.user = identity_.user;
  if (identity_.serving) launcher.serving = identity_.serving->uid;
  launcher.use_fusermount = !identity_.root;
  launcher.token = token_;
  if (cgroups_) launcher.cgroups = &cgroups_;
  launcher.kill_leftovers = settings_.containment.kill_leftovers;
  if (job_sandbox_) {
    launcher.confine = Sandbox::confine;
    launcher.confine_context = &*job_sandbox_;
    if (job_sandbox_->ruleset() >= 0) launcher.confine_descriptors = {job_sandbox_->ruleset()};
  }
  return launcher;
}

void Daemon::make_cgroups() {
  cgroup_system_ = find_cgroups();
  const LimitSettings& limits = settings_.limits;
  cgroups_ = CgroupTree(cgroup_system_, token_, limits.memory || limits.processes);
  if (!cgroups_ && settings_.containment.cgroup == UseCgroups::kRequired) {
    throw Error("cgroup = required: " + escaped(cgroups_.reason()));
  }
}

void Daemon::tell_containment() const {
  if (cgroups_) {
    log_info("each attempt has a cgroup, below %s", escaped(cgroups_.place()).c_str());
  } else {
    log_info("attempts have no cgroups, but marks in their environments: %s",
             escaped(cgroups_.reason()).c_str());
  }
  bool missing = (settings_.limits.memory && !cgroups_.controllers().memory) ||
                 (settings_.limits.processes && !cgroups_.controllers().pids);
  if (!missing) return;
  log_warning("[limits] memory and processes do not hold for attempts as a whole: %s",
              cgroups_ ? escaped(cgroups_.limits_reason()).c_str() : "there are no cgroups");
}

void Daemon::fork_helpers() {
  block_signals();
  // Leaves the directory that filed was started in, so that its file system can be unmounted.
  if (chdir("/") != 0) throw_errno("/");
  make_cgroups();
  {
    WithoutOomProtection for_jobs;
    launcher_.emplace(launcher_settings());
  }
  notifier_.emplace(point_->path(), !identity_.root);
}

void Daemon::open_state() {
  make_default_directory(options_, settings_, state_file_);
  StateTakeover takeover(state_file_, identity_);
  store_.emplace(state_file_);
  takeover.keep();
  state_watch_.emplace(state_file_, identity_.serving ? identity_.serving->uid : geteuid());
  Queue::Options options;
  options.owner_mode = identity_.owner_mode;
  if (identity_.serving) options.refused_owners = {identity_.serving->uid, kServingId};
  options.mount_dir = point_->path();
  options.hooks = settings_.hooks;
  options.containment = cgroups_ ? "cgroup" : "marks";
  queue_.emplace(*store_, *launcher_, clock_, LiveSettings(settings_), options);
  undying_ = end_leftovers(*store_, cgroup_system_, token_, cgroups_);
  std::set<AttemptId> attempts;
  for (const UndyingProcess& process : undying_) attempts.insert(process.attempt);
  if (int error = recover(*store_, clock_, queue_->settings(), attempts)) {
    throw_errno(state_file_, error);
  }
  for (const UndyingProcess& process : undying_) {
    queue_->take_over(process.attempt, process.pid, process.state);
  }
}

void Daemon::mount() {
  loop_.emplace();
  notifier_->attach(*loop_);
  wall_timer_.reset(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!wall_timer_) throw_errno("timerfd_create");
  launcher_->attach(*loop_, queue_->launcher_events(), [this] { launcher_gone_ = true; });

  filesystem_.emplace(*queue_, *store_, *notifier_, clock_, nodes_, settings_.mount.inotify);
  session_.emplace(*filesystem_, *point_, allow_other_);
  if (!allow_other_) tell_who_sees_it();
  launcher_->mounted(point_->root());
  notifier_->mounted(point_->root());
}

void Daemon::tell_who_sees_it() const {
  bool is_set = settings_.mount.allow_other == AllowOther::kNo;
  log_info("only user %u can reach the queue: %s", static_cast<unsigned>(geteuid()),
           is_set ? "allow_other is no" : "/etc/fuse.conf has no line user_allow_other");
}

void Daemon::watch_events() {
  queue_->set_watcher(&*filesystem_);
  watch(session_->fd(), EPOLLIN, [this] {
    if (session_->serve()) return;
    loop_->remove(session_->fd());
    mount_gone_ = true;
  });
  watch(point_->table_fd(), EPOLLPRI, [this] {
    if (!point_->is_detached()) return;
    // Programs that have files of it open are still served until the stop is done.
    loop_->remove(point_->table_fd());
    mount_gone_ = true;
  });
  watch_undying(*loop_, undying_,
                [this](AttemptId attempt) { queue_->launcher_events().exited(attempt, {}); });
  if (state_watch_->fd() >= 0) {
    watch(state_watch_->fd(), EPOLLIN, [this] { store_->set_lost(state_watch_->look()); });
  }
  watch(signals_.get(), EPOLLIN, [this] { take_signals(); });
  watch(wall_timer_.get(), EPOLLIN, [this] { take_wall_timer(); });
}

void Daemon::watch(int fd, uint32_t events, std::function<void()> handler) {
  int error = loop_->add(fd, events, [handler = std::move(handler)](uint32_t) { handler(); });
  if (error != 0) throw_errno("epoll_ctl", error);
}

// --- events

void Daemon::take_signals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      reload();
    } else if (info.ssi_signo == SIGCHLD) {
      reap_all_but(launcher_->launcher_pid());
    } else {
      log_info("stopping");
      stop();
    }
  }
}

void Daemon::reload() {
  notify_reloading();
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
  notify_ready();
}

void Daemon::take_wall_timer() {
  // An expiry, or ECANCELED because the clock was set: in both cases jobs may be due.
  uint64_t times;
  if (read(wall_timer_.get(), &times, sizeof times) < 0 && errno == EAGAIN) return;
  wall_timer_ns_.reset();
  queue_->wall_clock_due();
}

void Daemon::arm_wall_timer() {
  std::optional<int64_t> next = queue_->next_wall_ns();
  if (next == wall_timer_ns_) return;
  wall_timer_ns_ = next;
  itimerspec when{};
  // At least 1 ns: 0 would disarm the timer.
  if (next) when.it_value = to_timespec(std::max<int64_t>(*next, 1));
  timerfd_settime(wall_timer_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, nullptr);
}

// --- the loop

// Group commit: while writers that have begun are expected to close, their requests are served
// before the turn ends, so that one commit stores them all.
void Daemon::gather_receipts() {
  while (auto until_ns = queue_->gather_until_ns()) {
    if (!loop_->wait(until_ns)) return;
  }
}

// Waits for events, serves them and commits. Returns true if the store has more housekeeping to do
// in an idle moment.
bool Daemon::turn(bool untidy) {
  std::optional<int64_t> deadline_ns = stop_by_ns_;
  if (phase_ != Phase::kQuitting) deadline_ns = earlier(deadline_ns, queue_->next_deadline_ns());
  int64_t looked_ns = clock_.mono_ns();
  bool idle = !loop_->wait(untidy ? 0 : deadline_ns);
  gather_receipts();
  if (std::exchange(mount_gone_, false) && phase_ != Phase::kQuitting && orderly_) {
    log_error("the mount is gone; stopping");
    orderly_ = false;
    stop();
  }
  queue_->end_turn(looked_ns);
  launcher_->flush();
  arm_wall_timer();
  return store_->tidy(idle);
}

void Daemon::advance() {
  if (phase_ != Phase::kStopping || !queue_->stopped()) return;
  phase_ = Phase::kQuitting;
  stop_by_ns_ = earlier(stop_by_ns_, clock_.mono_ns() + kQuitTimeoutNs);
  launcher_->quit();
  launcher_->flush();
}

// A first call gives the attempts their graces; another one, by a second signal, kills at once.
void Daemon::stop() {
  const QueueSettings& settings = queue_->settings();
  int64_t grace_ms = settings.stop_grace_ms + settings.kill_grace_ms;
  if (phase_ == Phase::kServing) {
    phase_ = Phase::kStopping;
    notify_stopping();
  } else {
    grace_ms = 0;
  }
  stop_by_ns_ = earlier(stop_by_ns_, clock_.mono_ns() + grace_ms * kNsPerMs + kQuitTimeoutNs);
  queue_->stop();
}

// False if the deadline of a stop has passed.
bool Daemon::is_in_time() {
  if (!reached(stop_by_ns_, clock_.mono_ns())) return true;
  log_error(phase_ == Phase::kQuitting
                ? "the launcher did not exit in time"
                : "some attempts did not end in time; the next start runs their jobs again");
  return false;
}

// The launcher's work at the end, done here: unmounts, and kills all jobs.
void Daemon::end_without_launcher() {
  // First the notifier, because the kill of the jobs would kill it, too. Ending the session wakes
  // it up if it waits for an answer. If that is gone too, only a filed of an ordinary user can still
  // unmount, because this process has no rights.
  session_.reset();
  if (!notifier_->unmount(kUnmountTimeoutMs) && !identity_.root) {
    OwnMount mount(point_->path(), true);
    mount.note(point_->root());
    mount.unmount();
  }
  launcher_->kill_everything(stop_by_ns_ ? kKillTimeoutMs : kLostKillTimeoutMs);
}

int Daemon::run() {
  bool untidy = false;
  while (!launcher_gone_) {
    untidy = turn(untidy);
    advance();
    if (!is_in_time()) break;
  }
  queue_->end_turn();
  if (phase_ != Phase::kQuitting || !launcher_gone_) {
    if (launcher_gone_) log_error("the launcher is gone; killing what runs");
    orderly_ = false;
    end_without_launcher();
  }
  if (!point_->tell_what_is_left()) orderly_ = false;
  store_->set_lost(state_watch_->look());
  if (int error = store_->close()) {
    log_error("%s: %s", store_->path().c_str(), strerror(error));
    orderly_ = false;
  }
  if (orderly_) log_info("stopped");
  return orderly_ ? 0 : 1;
}

}  // namespace

int run_daemon(const Options& options, const Settings& settings) {
  reset_inherited();
  notify_setup(options.ready_fd);
  return Daemon(options, settings).run();
}

bool check_daemon(const Options& options, const Settings& settings) {
  return plan_start(options, settings, true).is_served;
}

}  // namespace filed
