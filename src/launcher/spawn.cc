// How a job is started.
//
// 1. The launcher prepares a StartPlan. The child works through it (child_steps.h). It reports the
//    step that fails through a pipe. The exec or the death of the child closes that pipe.
// 2. The child is cloned with the launcher's memory (CLONE_VM) and a stack of its own, because
//    fork() copies page tables and vfork() suspends the caller without a limit of time.
// 3. The launcher waits in poll(2) until the child no longer uses its memory, at most 3 s. A user
//    can make a child hang after its change of user: by SIGSTOP, or with an interpreter or a home
//    in a file system of their own, where not even SIGKILL works.
// 4. Such a child gets SIGKILL, and the start has failed. For a minute that user's jobs are started
//    with fork(), which costs more but shares no memory. So the launcher does not wait for them,
//    and one user cannot delay the others all the time.
//
// While both share memory, the child only makes system calls, and the launcher makes none that may
// fail, because they share errno, too.
//
// A user cannot reach the launcher by tracing (ptrace) the child: the launcher is not dumpable, so
// neither is a process that shares or copies its memory.
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

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/privileges.h"
#include "launcher/cgroup_clone.h"
#include "launcher/process_table.h"
#include "launcher/shared_memory.h"

// ThreadSanitizer's clone(2) keeps on our stack what the child is to call, and returns.
#ifdef __SANITIZE_THREAD__
constexpr bool kMayShareMemory = false;
#else
constexpr bool kMayShareMemory = true;
#endif

namespace filed {
namespace {

constexpr size_t kStackSize = 64 * 1024;

// An exec takes a millisecond or two. After kSoonMs the launcher looks whether the child has been
// stopped. A child that is only slow (a cold disk) gets kWaitNs.
constexpr int kSoonMs = 20;
constexpr int64_t kWaitNs = 3 * kNsPerSec;
// After a start times out, this user's jobs use fork() for this long.
constexpr int64_t kDistrustNs = 60 * kNsPerSec;

constexpr const char* kStoppedStep = "stopped before exec";
constexpr const char* kTimedOutStep = "the interpreter did not answer within 3 s";  // kWaitNs

// The interpreter of a script, for messages: "exec /usr/bin/perl".
std::string script_step(int text) {
  std::string name = script_interpreter(text);
  // The kernel takes a carriage return as part of the name. People do not see it.
  name.resize(std::min(name.find_first_of(std::string_view("\r\0", 2)), name.size()));
  if (name.empty()) return "exec script";
  for (char& c : name) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return "exec " + name;
}

// Who caused the exec to fail. The owner of a script chooses its interpreter, which may lie in a
// file system that answers with any errno; that must not delay other owners.
Fault exec_fault(int error, TextKind kind) {
  if (error == EAGAIN) return Fault::kOwner;  // RLIMIT_NPROC
  Fault fault = fault_of(error);
  if (kind == TextKind::kScript) return fault == Fault::kMachine ? Fault::kOwner : fault;
  // The admin chooses the shell: it is being replaced, or its disk fails.
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
      environment_(settings.mount_dir) {
  if (!null_) throw_errno("/dev/null");
  plan_.parent = getpid();
  plan_.socket = socket;
  plan_.set_user = as_owner_ || settings.user;
  plan_.uid = settings.user ? settings.user->uid : geteuid();
  plan_.gid = settings.user ? settings.user->gid : getegid();
  confine_ = settings.confine;
  plan_.confine_context = settings.confine_context;
  may_drop_bounding_set_ = (held_capabilities().effective & capability(CAP_SETPCAP)) != 0;
  std::vector<std::pair<std::string_view, std::string_view>> env(settings.env.begin(),
                                                                 settings.env.end());
  configure(limit_values(settings.limits), env);
}

void Spawner::configure(const std::vector<LimitValue>& limits,
                        const std::vector<std::pair<std::string_view, std::string_view>>& env) {
  environment_.configure(env);
  admin_limits_ = limits;
}

std::vector<LimitValue> Spawner::limits_of(const StartMessage& attempt) const {
  if (attempt.hook) return {};
  return limits_in_force(admin_limits_, attempt.limits);
}

// Fills in the user that the attempt runs as, and the environment, which names the user.
void Spawner::plan_user(const StartMessage& attempt, std::string_view mark) {
  if (as_owner_) {
    plan_.uid = attempt.hook ? geteuid() : attempt.uid;
    plan_.gid = attempt.hook ? getegid() : attempt.gid;
  }
  const User& user = users_.find(plan_.uid);
  // A job's group is its file's. In a setgid directory that may be a group without the owner as a
  // member, and submitting a job must not give its rights.
  if (as_owner_ && user.known && !user.is_member(plan_.gid)) plan_.gid = user.group;
  plan_.groups = user.groups.data();
  plan_.group_count = user.groups.size();
  // Without the right to (a service manager may have taken it) no_new_privs does the same.
  plan_.drop_bounding_set = as_owner_ && plan_.uid != 0 && may_drop_bounding_set_;
  plan_.envp = environment_.build(attempt, user, mark);
  plan_.home = environment_.home();
}

// Fills in what restricts a job. A hook is the admin's and is not restricted.
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
      // The blank keeps the shell from taking the text for an option. Not every shell knows "--".
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

// Returns the pid in the parent only, or -1 with errno. `cgroup`: a directory, or -1.
pid_t Spawner::start_child(bool shares_memory, int cgroup) {
  if (shares_memory) {
    if (cgroup < 0) return clone(child, stack_.top(), CLONE_VM | SIGCHLD, &plan_);
    return clone_into_cgroup(child, stack_.top(), CLONE_VM, &plan_, cgroup);
  }
  pid_t pid = cgroup < 0 ? fork() : fork_into_cgroup(cgroup);
  if (pid == 0) child(&plan_);
  return pid;
}

pid_t Spawner::start(const StartMessage& attempt, const Membership& membership, int output, Fd text,
                     Starting* starting, StartFailure* failure) {
  auto failed = [&](const char* step) {
    *failure = {step, errno, fault_of(errno)};
    return 0;
  };
  plan_user(attempt, membership.mark);
  plan_restrictions(attempt);
  plan_command(attempt, text.get());
  plan_.input = attempt.hook ? text.get() : null_.get();
  plan_.output = output;
  // Never kTextDescriptor, which the launcher has had open since its start.
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return failed("pipe");
  Fd report(pipe[0]);
  Fd theirs(pipe[1]);
  plan_.report = theirs.get();
  plan_.procs_file = membership.procs_file;

  int64_t now = SystemClock().mono_ns();
  std::erase_if(distrusted_, [now](const auto& user) { return user.second < now; });
  bool shares_memory = kMayShareMemory && !distrusted_.contains(plan_.uid);
  pid_t pid = start_child(shares_memory, membership.directory);
  if (pid < 0) return failed("fork");
  theirs.reset();
  *starting = {std::move(report), std::move(text), attempt.kind, shell_, now, {}};
  if (!shares_memory) return pid;

  pollfd over = {starting->report.get(), POLLIN, 0};
  StartFailure stuck;
  while (poll(&over, 1, kSoonMs) <= 0) {
    if (!is_stuck(pid, *starting, &stuck)) continue;
    // At once, because a stopped child may be continued, and the next child uses our memory.
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
  StepFailure report;
  ssize_t size = read(starting.report.get(), &report, sizeof report);
  if (size < 0) return StartState::kUnderWay;
  if (size != sizeof report) return StartState::kOver;
  *failure = {report.step, report.error, fault_of(report.error)};
  // Before Linux 3.1 setuid(2) checked RLIMIT_NPROC; now the exec does.
  if (failure->stage == "setuid" && failure->error == EAGAIN) failure->fault = Fault::kOwner;
  if (failure->stage == "exec") {
    failure->fault = exec_fault(failure->error, starting.kind);
    failure->stage = starting.kind == TextKind::kScript ? script_step(starting.text.get())
                                                        : "exec " + starting.shell;
  }
  return StartState::kFailed;
}

bool Spawner::is_stuck(pid_t pid, const Starting& starting, StartFailure* failure) {
  int64_t waited_ns = SystemClock().mono_ns() - starting.since_ns;
  if (waited_ns < kSoonMs * kNsPerMs) return false;
  auto process = LinuxProcesses().read(pid);
  if (process && process->state == 'T') {
    *failure = {kStoppedStep, ECANCELED};
    return true;
  }
  *failure = {kTimedOutStep, ETIMEDOUT};
  return waited_ns >= kWaitNs;
}

// Never returns: what runs after it would do so in the launcher's memory.
FILED_SHARED_MEMORY int Spawner::child(void* plan) {
  const auto& start = *static_cast<const StartPlan*>(plan);
  StepFailure report = run_child_steps(start);
  syscall(SYS_write, start.report, &report, sizeof report);
  for (;;) syscall(SYS_exit_group, 127);
}

}  // namespace filed
