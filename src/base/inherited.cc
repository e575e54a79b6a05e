#include "base/inherited.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"

namespace filed {
namespace {

// The kernel's default for a process.
constexpr long kTimerSlackNs = 50'000;
// Enough for filed: its own functions need some ten kilobytes, the C library's look-ups of users more.
constexpr uint64_t kStackBytes = 8 << 20;
constexpr uint64_t kUnlimited = ~uint64_t{0};
constexpr const char* kOomScore = "/proc/self/oom_score_adj";

// A signal that was ignored would be ignored in filed, too: it could not wait for its children. One
// that was blocked and has arrived would kill filed when it is unblocked. Those that stop filed are
// left blocked and pending: the daemon reads them from a descriptor.
void reset_signals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (int signo : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signo);
  sigset_t pending;
  sigpending(&pending);
  for (int signo = 1; signo < _NSIG; ++signo) {
    bool is_unwanted = sigismember(&pending, signo) == 1 && sigismember(&handled, signo) == 0;
    struct sigaction action {};
    // Fails for the signals that the C library keeps for itself.
    if (sigaction(signo, nullptr, &action) != 0) continue;
    // To ignore a signal discards it.
    if (is_unwanted) signal(signo, SIG_IGN);
    if (is_unwanted || action.sa_handler == SIG_IGN) signal(signo, SIG_DFL);
  }
  // These come from the limits of CPU time and file size, and from a terminal that stops what writes
  // to it in the background. A write that is too large fails.
  for (int signo : {SIGXCPU, SIGXFSZ, SIGTTOU}) signal(signo, SIG_IGN);
  sigprocmask(SIG_SETMASK, &handled, nullptr);
}

// alarm(2) outlives an exec, and its signal would kill filed.
void stop_timers() {
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  setitimer(ITIMER_VIRTUAL, &never, nullptr);
  setitimer(ITIMER_PROF, &never, nullptr);
}

void reset_umask() { umask(022); }

// Jobs of all users inherit one session keyring. With no rights on it, they cannot exchange keys
// through it, and none can revoke it for the others. One for each job would use up the owner's
// quota of keys.
void leave_keyring() {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0) {
    int error = errno;
    // The kernel has no keyrings, or a filter forbids them, to jobs as well.
    if (error == ENOSYS ||
        syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, long{KEY_SPEC_SESSION_KEYRING}, 0L) < 0) {
      return;
    }
    log_warning("jobs of all users share a session keyring: %s", strerror(error));
    return;
  }
  syscall(SYS_keyctl, KEYCTL_SET_REQKEY_KEYRING, long{KEY_REQKEY_DEFL_DEFAULT});
  if (syscall(SYS_keyctl, KEYCTL_SETPERM, long{KEY_SPEC_SESSION_KEYRING}, 0L) < 0) {
    throw_errno("keyctl: setperm");
  }
}

// The personality's flags, such as one that switches off the randomization of addresses. The
// execution domain stays: in a container for 32-bit programs, uname(1) is to say so.
void reset_personality() {
  int now = personality(0xffffffff);
  if (now == -1 || (now & ~PER_MASK) == 0) return;
  if (personality(static_cast<unsigned long>(now & PER_MASK)) == -1) {
    log_warning("personality: %s", strerror(errno));
  }
}

void reset_timer_slack() { prctl(PR_SET_TIMERSLACK, kTimerSlackNs, 0L, 0L, 0L); }

// With SECBIT_NO_SETUID_FIXUP a change of user would not take root's capabilities.
void reset_securebits() {
  int bits = prctl(PR_GET_SECUREBITS, 0L, 0L, 0L, 0L);
  if (bits <= 0) return;
  int locks = bits & static_cast<int>(SECURE_ALL_LOCKS);
  int locked = bits & (locks >> 1);
  prctl(PR_SET_SECUREBITS, long{locks | locked}, 0L, 0L, 0L);
  bits = prctl(PR_GET_SECUREBITS, 0L, 0L, 0L, 0L);
  if (geteuid() == 0 && (bits & SECBIT_NO_SETUID_FIXUP) != 0) {
    throw Error("securebits: no_setuid_fixup is locked: jobs would keep capabilities of root");
  }
}

// Read by children between fork and exec, and written only before the first fork.
ServiceLimit raised[5];
size_t raised_count = 0;

// The kernel's struct rlimit64, the same on every machine.
struct Limits {
  uint64_t soft;
  uint64_t hard;
};

bool raise_limit(int resource, const Limits& wanted, const Limits& was) {
  if (wanted.soft == was.soft && wanted.hard == was.hard) return true;
  if (syscall(SYS_prlimit64, 0, resource, &wanted, nullptr) != 0) return false;
  raised[raised_count++] = {resource, was.soft, was.hard};
  return true;
}

// CPU time and real-time CPU time end a process. A file size limit makes the state unwritable. A
// small stack overflows. The usual soft limit of descriptors is for programs that use select(2); each
// attempt takes several. All others only make calls fail, and filed copes with that.
void raise_limits() {
  raised_count = 0;
  for (int resource : {int{RLIMIT_CPU}, int{RLIMIT_RTTIME}, int{RLIMIT_FSIZE}, int{RLIMIT_STACK},
                       int{RLIMIT_NOFILE}}) {
    Limits was{};
    if (syscall(SYS_prlimit64, 0, resource, nullptr, &was) != 0) continue;
    if (resource == RLIMIT_STACK || resource == RLIMIT_NOFILE) {
      uint64_t enough = resource == RLIMIT_STACK ? kStackBytes : kUnlimited;
      raise_limit(resource, {std::max(was.soft, std::min(enough, was.hard)), was.hard}, was);
      continue;
    }
    if (raise_limit(resource, {kUnlimited, kUnlimited}, was)) continue;
    // Only root may raise a hard limit.
    raise_limit(resource, {was.hard, was.hard}, was);
    if (resource != RLIMIT_FSIZE) {
      log_warning("the hard limit of CPU time will kill filed after %llu %s",
                  static_cast<unsigned long long>(was.hard), resource == RLIMIT_CPU ? "s" : "us");
    }
  }
}

struct Row {
  std::string_view name;
  // Null: kept, or reset for the jobs elsewhere.
  void (*reset)();
  std::string_view what;
};

constexpr Row kRows[] = {
    {"signals", reset_signals, "mask and dispositions; jobs: none blocked, none ignored"},
    {"timers", stop_timers, "alarm(2), setitimer(2)"},
    {"umask", reset_umask, "jobs: 022"},
    {"keyring", leave_keyring, "an empty session keyring without rights"},
    {"personality", reset_personality, "its flags"},
    {"timer_slack", reset_timer_slack, "the kernel's 50 us"},
    {"securebits", reset_securebits, "as far as they are not locked"},
    {"limits", raise_limits, "kept for jobs; filed raises those that would kill it"},

    {"directory", nullptr, "filed: /; jobs: their home (Daemon, child_steps.cc)"},
    {"descriptors", nullptr, "closed for jobs (child_steps.cc)"},
    {"environment", nullptr, "made anew (environment.cc)"},
    {"session", nullptr, "jobs: one of their own, without a terminal (containment.cc)"},
    {"capabilities", nullptr, "inheritable and ambient ones: none (privileges.cc)"},
    {"death_signal", nullptr, "jobs: SIGKILL with the launcher; filed: its supervisor's choice"},
    {"subreaper", nullptr, "not inherited; filed and the launcher are subreapers"},
    {"dumpable", nullptr,
     "not inherited; filed's processes are not dumpable while they hold rights"},
    {"oom_score_adj", nullptr, "a positive one is kept; a negative one is filed's, jobs have 0"},

    {"nice", nullptr, "kept"},
    {"scheduler", nullptr, "kept: the scheduling class"},
    {"ioprio", nullptr, "kept"},
    {"affinity", nullptr, "kept: the CPUs"},
    {"cgroup", nullptr, "kept"},
    {"mempolicy", nullptr, "kept: the NUMA policy"},
    {"thp", nullptr, "kept: PR_SET_THP_DISABLE"},
    {"coredump_filter", nullptr, "kept"},
    {"no_new_privs", nullptr,
     "cannot be undone, nor can seccomp and Landlock; jobs have it anyway"},
    {"namespaces", nullptr, "kept, and the root directory"},
};

constexpr bool has_texts() {
  for (const Row& row : kRows) {
    if (row.name.empty() || row.what.empty()) return false;
  }
  return true;
}
static_assert(has_texts());

void set_oom_score(int score) {
  Fd fd(open(kOomScore, O_WRONLY | O_CLOEXEC));
  std::string text = std::to_string(score);
  if (fd && write(fd.get(), text.data(), text.size()) > 0) return;
  log_warning("%s: %s", kOomScore, strerror(errno));
}

}  // namespace

void reset_inherited() {
  for (const Row& row : kRows) {
    if (row.reset != nullptr) row.reset();
  }
}

std::span<const ServiceLimit> raised_limits() noexcept { return {raised, raised_count}; }

WithoutOomProtection::WithoutOomProtection() : score_(0) {
  std::string text;
  if (read_file(kOomScore, 16, text) == 0) score_ = atoi(text.c_str());
  if (score_ < 0) set_oom_score(0);
}

WithoutOomProtection::~WithoutOomProtection() {
  if (score_ < 0) set_oom_score(score_);
}

}  // namespace filed
