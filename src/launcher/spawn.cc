// How a job is started.
//
// 1. The launcher takes a slot for the start, and prepares a StartPlan in it. The child works
//    through the plan (child_steps.h). It reports the step that fails through a pipe. The exec or
//    the death of the child closes that pipe.
// 2. The child is cloned with the launcher's memory (CLONE_VM), because fork() copies page tables
//    and takes twice the time. The stack and the thread's storage are the slot's (child_memory.h).
//    vfork() would be as cheap, but suspends the caller without a limit of time.
// 3. The launcher goes on at once. The end of the pipe tells it that the program runs, and gives it
//    the slot back.
// 4. A user can make a child hang after its change of user: by SIGSTOP; by a lease on the interpreter;
//    by an interpreter or home in a FUSE file system, where not even SIGKILL works. A
//    start that takes longer than 3 s gets SIGKILL, and has failed. Its slot stays in use until the
//    child is dead. When all slots are in use, or the user's share of them, children are forked.
//
// While both share memory, the launcher does not touch the child's slot, and the child only makes
// system calls and writes to its slot.
//
// A user cannot reach the launcher by tracing (ptrace) the child: the launcher is not dumpable, so
// neither is a process that shares or copies its memory.
#include "launcher/spawn.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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

namespace filed {
namespace {

// An exec takes a millisecond or two. After kSoonNs the launcher looks whether the child has been
// stopped, and again each time that the start has taken twice as long. A child that is only slow (a
// cold disk) gets kLimitNs.
constexpr int64_t kSoonNs = 20 * kNsPerMs;
constexpr int64_t kLimitNs = 3 * kNsPerSec;

constexpr const char* kStoppedStep = "stopped before exec";
constexpr const char* kTimedOutStep = "the interpreter did not answer within 3 s";  // kLimitNs

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

// What caused the exec to fail. The owner of a script chooses its interpreter, which may lie in a
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

Spawner::Spawner(const LauncherSettings& settings, int socket)
    : as_owner_(settings.as_owner),
      null_(open("/dev/null", O_RDONLY | O_CLOEXEC)),
      environment_(settings.mount_dir),
      orders_(*settings.orders) {
  if (!null_) throw_errno("/dev/null");
  common_.parent = getpid();
  common_.socket = socket;
  common_.set_user = as_owner_ || settings.user;
  common_.uid = settings.user ? settings.user->uid : geteuid();
  common_.gid = settings.user ? settings.user->gid : getegid();
  common_.serving = settings.serving;
  if (settings.user) groups_ = settings.user->groups;
  confine_ = settings.confine;
  common_.confine_context = settings.confine_context;
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
void Spawner::plan_user(const StartMessage& attempt, std::string_view mark, StartSlot& slot) {
  StartPlan& plan = slot.plan;
  plan.uid = slot.uid;
  if (as_owner_) plan.gid = attempt.hook ? getegid() : attempt.gid;
  const User& user = users_.find(plan.uid);
  plan.user_error = user.error;
  // A job's group is its file's. In a setgid directory that may be a group without the owner as a
  // member, and submitting a job must not give its rights.
  if (as_owner_ && user.known && !user.is_member(plan.gid)) plan.gid = user.group;
  slot.groups = as_owner_ ? user.groups : groups_;
  plan.groups = slot.groups.data();
  plan.group_count = slot.groups.size();
  // Without the right to (a service manager may have taken it) no_new_privs does the same.
  plan.drop_bounding_set = as_owner_ && plan.uid != 0 && may_drop_bounding_set_;

  environment_.build(attempt, user, mark, slot.environment);
  plan.envp = slot.environment.pointers.data();
  plan.home = slot.environment.home;
}

// Fills in what restricts a job. A hook is the admin's and is not restricted.
void Spawner::plan_restrictions(const StartMessage& attempt, std::span<const LimitValue> limits,
                                StartSlot& slot) {
  slot.plan.confine = attempt.hook ? nullptr : confine_;
  slot.limits = plan_limits(limits);
  slot.plan.limits = slot.limits.data();
  slot.plan.limit_count = slot.limits.size();
}

// Fills in what is executed. The words are copied: the message's views have no NUL at their ends.
void Spawner::plan_command(const StartMessage& attempt, int text, StartSlot& slot) {
  slot.shell = attempt.shell;
  size_t name = slot.shell.rfind('/');
  char* shell_name = slot.shell.data() + (name == std::string::npos ? 0 : name + 1);
  slot.plan.text = attempt.kind == TextKind::kArgument ? -1 : text;
  slot.plan.program = slot.shell.c_str();
  static char option[] = "-c";
  static char path[] = "/proc/self/fd/3";
  char* words[3] = {};
  switch (attempt.kind) {
    case TextKind::kArgument:
      slot.text.clear();
      // The blank keeps the shell from taking the text for an option. Not every shell knows "--".
      if (!attempt.text.empty() && (attempt.text[0] == '-' || attempt.text[0] == '+')) {
        slot.text = " ";
      }
      slot.text.append(attempt.text);
      words[0] = shell_name;
      words[1] = option;
      words[2] = slot.text.data();
      break;
    case TextKind::kScript:
      slot.plan.program = kTextPath;
      words[0] = path;
      break;
    case TextKind::kFile:
      words[0] = shell_name;
      words[1] = path;
      break;
  }
  std::ranges::copy(words, slot.argv);
  slot.argv[3] = nullptr;
  slot.plan.argv = slot.argv;
}

// Returns the pid in the parent only, or -1 with errno. `cgroup`: a directory, or -1.
pid_t Spawner::start_child(StartSlot& slot, int cgroup) {
  if (slot.memory && (cgroup < 0 || ChildMemory::is_possible_in_cgroup())) {
    return slot.memory->start(child, &slot.plan, cgroup);
  }
  pid_t pid = cgroup < 0 ? fork() : fork_into_cgroup(cgroup);
  if (pid == 0) child(&slot.plan);
  return pid;
}

pid_t Spawner::start(const StartMessage& attempt, const Membership& membership,
                     std::span<const LimitValue> limits, int output, Fd text, Starting* starting,
                     StartFailure* failure) {
  auto failed = [&](const char* step) {
    *failure = {step, errno, fault_of(errno)};
    return 0;
  };
  uid_t uid = common_.uid;
  if (as_owner_) uid = attempt.hook ? geteuid() : attempt.uid;
  StartSlots::Lease slot = slots_.take(uid);
  StartPlan& plan = slot->plan;
  plan = common_;
  plan_user(attempt, membership.mark, *slot);
  plan_restrictions(attempt, limits, *slot);
  plan_command(attempt, text.get(), *slot);
  plan.input = attempt.hook ? text.get() : null_.get();
  plan.output = output;
  plan.order = &orders_.word(attempt.order);
  if (!OrderWords::take(*plan.order)) {
    errno = ECANCELED;
    return failed("withdrawn");
  }
  // Never kTextDescriptor, which the launcher has had open since its start.
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return failed("pipe");
  Fd report(pipe[0]);
  Fd theirs(pipe[1]);
  plan.report = theirs.get();
  plan.procs_file = membership.procs_file;

  pid_t pid = start_child(*slot, membership.directory);
  if (pid < 0) return failed("fork");
  theirs.reset();
  if (!slot->memory) slot.reset();
  int64_t now = SystemClock().mono_ns();
  *starting = {std::move(report), std::move(text), attempt.kind, std::string(attempt.shell), now,
               now + kSoonNs,     std::move(slot)};
  return pid;
}

StartState Spawner::look(const Starting& starting, StartFailure* failure) {
  StepFailure report;
  ssize_t size = read(starting.report.get(), &report, sizeof report);
  if (size < 0) return StartState::kUnderWay;
  if (size != sizeof report) return StartState::kOver;
  *failure = {report.step, report.error, fault_of(report.error)};
  // Before Linux 3.1 setuid(2) checked RLIMIT_NPROC; now the exec does.
  if (failure->step == "setuid" && failure->error == EAGAIN) failure->fault = Fault::kOwner;
  if (failure->step == "exec") {
    failure->fault = exec_fault(failure->error, starting.kind);
    failure->step = starting.kind == TextKind::kScript ? script_step(starting.text.get())
                                                       : "exec " + starting.shell;
  }
  return StartState::kFailed;
}

bool Spawner::is_stuck(pid_t pid, Starting& starting, StartFailure* failure) {
  int64_t now = SystemClock().mono_ns();
  if (now < starting.look_at_ns) return false;
  auto process = LinuxProcesses().read(pid);
  if (process && process->state == 'T') {
    *failure = {kStoppedStep, ECANCELED};
    return true;
  }
  int64_t end = starting.since_ns + kLimitNs;
  starting.look_at_ns = std::min(end, now + (now - starting.since_ns));
  *failure = {kTimedOutStep, ETIMEDOUT};
  return now >= end;
}

// Never returns: what runs after it would do so in the launcher's memory.
FILED_SHARED_MEMORY int Spawner::child(void* plan) {
  const auto& start = *static_cast<const StartPlan*>(plan);
  StepFailure report = run_child_steps(start);
  syscall(SYS_write, start.report, &report, sizeof report);
  for (;;) syscall(SYS_exit_group, 127);
}

}  // namespace filed
