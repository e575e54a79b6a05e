// How a job is started. The child's end of a pipe is closed by the exec or by its death; before
// that it writes what has failed, if anything has.
//
// fork() copies the page tables of its caller and vfork() suspends it; where starts are many, we
// want neither. The child is cloned with our memory (CLONE_VM) and a stack of its own, and we wait
// in poll(2) until it no longer uses our memory. That is a vfork whose wait has a bound, and it
// needs one: from its change of user on, the half-started child can be stopped by anyone who is
// that user, and an interpreter or a home that lies in a filesystem of his can let it hang where
// not even SIGKILL reaches it. Then it is given up: its first step after the system call that it
// hangs in is its death. For a minute the jobs of that user are then started by fork, which costs
// more and shares nothing: for these nobody waits, so that he cannot hold up others all the time.
//
// While both share the memory, the child makes system calls and nothing else, and we make none that
// may fail: they share errno, too. What the child does is a list of steps prepared in Plan; the
// first that fails is reported, and the child exits. The system calls are raw ones: the C library's
// setuid and friends tell other threads, of which it believes the launcher's own to be one.
//
// Why ptrace is no way into the launcher through the child, whose user may be the attacker: the
// launcher is not dumpable, nor is then what shares its memory, nor a copy of it.
#include "launcher/spawn.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/privileges.h"
#include "launcher/process_tree.h"
#include "launcher/shared_memory.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

// 32-bit machines have two of each; the plain number means 16-bit ids there.
#ifdef SYS_setresuid32
#define FILED_SYS_SETRESUID SYS_setresuid32
#define FILED_SYS_SETRESGID SYS_setresgid32
#define FILED_SYS_SETGROUPS SYS_setgroups32
#else
#define FILED_SYS_SETRESUID SYS_setresuid
#define FILED_SYS_SETRESGID SYS_setresgid
#define FILED_SYS_SETGROUPS SYS_setgroups
#endif

// ThreadSanitizer's clone(2) leaves on our stack what the child is to call, and returns.
#ifdef __SANITIZE_THREAD__
constexpr bool kMayShareMemory = false;
#else
constexpr bool kMayShareMemory = true;
#endif

namespace filed {
namespace {

constexpr size_t kStackSize = 64 * 1024;
constexpr int kTextDescriptor = 3;
constexpr const char* kTextPath = "/proc/self/fd/3";

// An exec takes a millisecond or two. After that we look whether the child has been stopped; one
// that is merely slow (a cold disk) is given the whole time.
constexpr int kSoonMs = 20;
constexpr int64_t kWaitNs = 3 * kNsPerSec;
// So long the jobs of a user are started by fork after one that had to be given up.
constexpr int64_t kDistrustNs = 60 * kNsPerSec;

constexpr const char* kStageStopped = "stopped before exec";
constexpr const char* kStageTimedOut = "start timed out";

// The interpreter that a script names, for messages: "exec /usr/bin/perl".
std::string script_stage(int text) {
  char line[256];
  ssize_t size = pread(text, line, sizeof line, 0);
  std::string_view rest(line, size > 2 ? static_cast<size_t>(size) : 0);
  std::string stage = "exec script";
  if (rest.substr(0, 2) != "#!") return stage;
  rest.remove_prefix(2);
  while (!rest.empty() && (rest[0] == ' ' || rest[0] == '\t')) rest.remove_prefix(1);
  std::string_view name = rest.substr(0, rest.find_first_of(std::string_view(" \t\r\n\0", 5)));
  if (name.empty()) return stage;
  stage = "exec ";
  for (char c : name) {
    auto byte = static_cast<unsigned char>(c);
    stage += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return stage;
}

// Whose fault an error of the exec is. What a script's first line names is of its owner's choice,
// and may lie in a filesystem of his that answers as he likes: that must not hold up anybody else.
Fault exec_fault(int error, TextKind kind) {
  if (error == EAGAIN) return Fault::kOwner;  // RLIMIT_NPROC
  Fault fault = fault_of(error);
  if (kind == TextKind::kScript) return fault == Fault::kMachine ? Fault::kOwner : fault;
  // The shell is the admin's: it is just being replaced, or its disk fails.
  return error == ETXTBSY || error == EIO ? Fault::kMachine : fault;
}

}  // namespace

Fault fault_of(int error) {
  switch (error) {
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return Fault::kMachine;
    default:
      return Fault::kJob;
  }
}

ChildStack::ChildStack()
    : memory_(mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
  if (memory_ == MAP_FAILED) throw_errno("launcher: stack");
  mprotect(memory_, static_cast<size_t>(sysconf(_SC_PAGESIZE)), PROT_NONE);
}

ChildStack::~ChildStack() { munmap(memory_, kStackSize); }

void* ChildStack::top() const { return static_cast<char*>(memory_) + kStackSize; }

Spawner::Spawner(const LauncherSettings& settings, int socket)
    : as_owner_(settings.as_owner),
      null_(open("/dev/null", O_RDONLY | O_CLOEXEC)),
      environment_(settings.mount_dir, settings.token) {
  if (!null_) throw_errno("/dev/null");
  plan_.parent = getpid();
  plan_.socket = socket;
  plan_.set_user = as_owner_ || settings.user;
  plan_.uid = settings.user ? settings.user->uid : geteuid();
  plan_.gid = settings.user ? settings.user->gid : getegid();
  confine_ = settings.confine;
  plan_.confine_context = settings.confine_context;
  may_drop_bounding_set_ = (held_capabilities().effective & capability(CAP_SETPCAP)) != 0;
  while (plan_.last_capability < 63 &&
         prctl(PR_CAPBSET_READ, plan_.last_capability + 1, 0, 0, 0) >= 0) {
    ++plan_.last_capability;
  }
  std::vector<std::pair<std::string_view, std::string_view>> env(settings.env.begin(),
                                                                 settings.env.end());
  configure(limit_values(settings.limits), env);
}

void Spawner::configure(const std::vector<LimitValue>& limits,
                        const std::vector<std::pair<std::string_view, std::string_view>>& env) {
  environment_.configure(env);
  admin_limits_ = limits;
}

// Fills in who the attempt runs as, and the environment, which names him.
void Spawner::plan_user(const StartMessage& attempt) {
  if (as_owner_) {
    plan_.uid = attempt.hook ? geteuid() : attempt.uid;
    plan_.gid = attempt.hook ? getegid() : attempt.gid;
  }
  const User& user = users_.find(plan_.uid);
  // A job's group is its file's. In a setgid directory that may be one its owner is no member of,
  // and submitting a job must not make him one.
  if (as_owner_ && user.known && !user.is_member(plan_.gid)) plan_.gid = user.group;
  plan_.groups = user.groups.data();
  plan_.group_count = user.groups.size();
  // Without the right to (a service manager may have taken it) no_new_privs does the same.
  plan_.drop_bounding_set = as_owner_ && plan_.uid != 0 && may_drop_bounding_set_;
  plan_.envp = environment_.build(attempt, user);
  plan_.home = environment_.home();
}

// Fills in what a job has to put up with, and a hook, which is the admin's, has not.
void Spawner::plan_restrictions(const StartMessage& attempt) {
  plan_.confine = attempt.hook ? nullptr : confine_;
  limits_.clear();
  if (!attempt.hook) limits_ = plan_limits(admin_limits_, attempt.limits);
  plan_.limits = limits_.data();
  plan_.limit_count = limits_.size();
}

// Fills in what is executed. The words are copied: the message's views have no NUL at their ends.
void Spawner::plan_command(const StartMessage& attempt, int text) {
  shell_ = attempt.shell;
  size_t name = shell_.rfind('/');
  char* shell_name = shell_.data() + (name == std::string::npos ? 0 : name + 1);
  plan_.text = attempt.kind == TextKind::kArgument ? -1 : text;
  static char option[] = "-c";
  static char path[] = "/proc/self/fd/3";
  switch (attempt.kind) {
    case TextKind::kArgument:
      text_.clear();
      // A text that begins like an option would be taken for one. The blank hides it; to add "--"
      // would not be understood by every shell.
      if (!attempt.text.empty() && (attempt.text[0] == '-' || attempt.text[0] == '+')) text_ = " ";
      text_.append(attempt.text);
      plan_.program = shell_.c_str();
      argv_[0] = shell_name;
      argv_[1] = option;
      argv_[2] = text_.data();
      argv_[3] = nullptr;
      break;
    case TextKind::kScript:
      plan_.program = kTextPath;
      argv_[0] = path;
      argv_[1] = nullptr;
      break;
    case TextKind::kFile:
      plan_.program = shell_.c_str();
      argv_[0] = shell_name;
      argv_[1] = path;
      argv_[2] = nullptr;
      break;
  }
  plan_.argv = argv_;
}

pid_t Spawner::start(const StartMessage& attempt, int output, Fd text, Starting* starting,
                     StartFailure* failure) {
  auto failed = [&](const char* stage) {
    *failure = {stage, errno, fault_of(errno)};
    return 0;
  };
  plan_user(attempt);
  plan_restrictions(attempt);
  plan_command(attempt, text.get());
  plan_.input = attempt.hook ? text.get() : null_.get();
  plan_.output = output;
  // Never kTextDescriptor, which is in use since the launcher's start.
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return failed("pipe");
  Fd report(pipe[0]);
  Fd theirs(pipe[1]);
  plan_.report = theirs.get();

  int64_t now = SystemClock().mono_ns();
  std::erase_if(distrusted_, [now](const auto& user) { return user.second < now; });
  bool shares_memory = kMayShareMemory && !distrusted_.contains(plan_.uid);
  pid_t pid = shares_memory ? clone(child, stack_.top(), CLONE_VM | SIGCHLD, &plan_) : fork();
  if (pid < 0) return failed("fork");
  if (pid == 0) child(&plan_);
  theirs.reset();
  *starting = {std::move(report), std::move(text), attempt.kind, shell_, now, {}};
  if (!shares_memory) return pid;

  pollfd over = {starting->report.get(), POLLIN, 0};
  StartFailure stuck;
  while (poll(&over, 1, kSoonMs) <= 0) {
    if (!is_stuck(pid, *starting, &stuck)) continue;
    // At once: who was stopped may be let go on, and our memory is about to be another child's.
    kill(pid, SIGKILL);
    starting->given_up = stuck;
    distrusted_[plan_.uid] = SystemClock().mono_ns() + kDistrustNs;
    break;
  }
  return pid;
}

StartState Spawner::look(const Starting& starting, StartFailure* failure) {
  if (starting.given_up) {
    *failure = *starting.given_up;
    return StartState::kFailed;
  }
  Report report;
  ssize_t size = read(starting.report.get(), &report, sizeof report);
  if (size < 0) return StartState::kUnderWay;
  if (size != sizeof report) return StartState::kOver;
  *failure = {report.stage, report.error, fault_of(report.error)};
  // Before Linux 3.1 RLIMIT_NPROC was seen to here, and not at the exec.
  if (failure->stage == "setuid" && failure->error == EAGAIN) failure->fault = Fault::kOwner;
  if (failure->stage == "exec") {
    failure->fault = exec_fault(failure->error, starting.kind);
    failure->stage = starting.kind == TextKind::kScript ? script_stage(starting.text.get())
                                                        : "exec " + starting.shell;
  }
  return StartState::kFailed;
}

bool Spawner::is_stuck(pid_t pid, const Starting& starting, StartFailure* failure) {
  int64_t waited_ns = SystemClock().mono_ns() - starting.since_ns;
  if (waited_ns < kSoonMs * kNsPerMs) return false;
  auto process = read_process(pid);
  if (process && process->state == 'T') {
    *failure = {kStageStopped, ECANCELED};
    return true;
  }
  *failure = {kStageTimedOut, ETIMEDOUT};
  return waited_ns >= kWaitNs;
}

FILED_SHARED_MEMORY int Spawner::child(void* plan) {
  int pipe = static_cast<const Plan*>(plan)->report;
  Report report = run_child(*static_cast<const Plan*>(plan));
  syscall(SYS_write, pipe, &report, sizeof report);
  for (;;) syscall(SYS_exit_group, 127);
}

// Returns only when a step has failed.
FILED_SHARED_MEMORY Spawner::Report Spawner::run_child(const Plan& plan) noexcept {
  auto failed = [](const char* stage) { return Report{stage, errno}; };
  // Filed is told of the launcher's death by the end of this.
  syscall(SYS_close, plan.socket);
  if (syscall(SYS_setsid) < 0) return failed("setsid");
  if (syscall(SYS_dup3, plan.input, 0, 0) < 0 || syscall(SYS_dup3, plan.output, 1, 0) < 0 ||
      syscall(SYS_dup3, plan.output, 2, 0) < 0) {
    return failed("descriptors");
  }
  // All of ours are close-on-exec already; this is for what a library may have opened. Kernels
  // before 5.11 do not have it.
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  syscall(SYS_umask, 022);

  for (size_t i = 0; i < plan.limit_count; ++i) {
    if (plan.limits[i].apply(plan.limits[i]) != 0) return failed(plan.limits[i].step);
  }
  if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0) return failed("no_new_privs");

  if (plan.drop_bounding_set) {
    for (long capability = 0; capability <= plan.last_capability; ++capability) {
      if (syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0L, 0L, 0L) != 0) {
        return failed("capabilities");
      }
    }
  }
  if (plan.set_user) {
    if (syscall(FILED_SYS_SETGROUPS, plan.group_count, plan.groups) != 0)
      return failed("setgroups");
    if (syscall(FILED_SYS_SETRESGID, plan.gid, plan.gid, plan.gid) != 0) return failed("setgid");
    if (syscall(FILED_SYS_SETRESUID, plan.uid, plan.uid, plan.uid) != 0) return failed("setuid");
  } else if (plan.uid != 0) {
    // The launcher's own user; what else the launcher may do is not for the steps below.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capset, &header, none) != 0) return failed("capabilities");
  }
  // Where the system is set up so, changing ids has made it dumpable.
  syscall(SYS_prctl, PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
  // After the change of user, which clears it. The launcher may have died before.
  if (syscall(SYS_prctl, PR_SET_PDEATHSIG, long{SIGKILL}, 0L, 0L, 0L) != 0)
    return failed("pdeathsig");
  if (syscall(SYS_getppid) != plan.parent) {
    errno = ESRCH;
    return failed("launcher is gone");
  }
  if (syscall(SYS_chdir, plan.home) != 0) syscall(SYS_chdir, "/");

  uint64_t no_signals[2] = {0, 0};  // _NSIG bits, 128 on some machines
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, no_signals, nullptr, size_t{_NSIG / 8});

  if (plan.confine != nullptr) {
    const char* stage = "sandbox";
    int error = plan.confine(plan.confine_context, &stage);
    if (error != 0) {
      errno = error;
      return failed(stage);
    }
  }
  // Here, because the hook may use any descriptor, 3 too.
  if (plan.text >= 0) {
    if (plan.text == kTextDescriptor) {
      if (syscall(SYS_fcntl, kTextDescriptor, F_SETFD, 0) != 0) return failed("descriptors");
    } else if (syscall(SYS_dup3, plan.text, kTextDescriptor, 0) < 0) {
      return failed("descriptors");
    }
  }
  syscall(SYS_execve, plan.program, plan.argv, plan.envp);
  return failed("exec");
}

}  // namespace filed
