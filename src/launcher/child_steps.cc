#include "launcher/child_steps.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/descriptors.h"
#include "base/inherited.h"
#include "base/privileges.h"
#include "base/users.h"
#include "launcher/cgroup_clone.h"
#include "launcher/shared_memory.h"

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

namespace filed {
namespace {

#define FILED_STEP FILED_SHARED_MEMORY bool

// Each step returns whether it succeeded; if not, errno says why. One that consists of parts puts
// the name of the failed part into `part`.
using StepFunction = bool (*)(const StartPlan& plan, const char** part) noexcept;

// True if `error` is 0; else sets errno to it.
FILED_STEP succeeded(int error) noexcept {
  if (error != 0) errno = error;
  return error == 0;
}

FILED_STEP enter_containment(const StartPlan& plan, const char**) noexcept {
  // Close it first, because filed learns of the launcher's death from the end of this socket.
  syscall(SYS_close, plan.socket);
  if (syscall(SYS_setsid) < 0) return false;
  return plan.procs_file < 0 || succeeded(enter_cgroup(plan.procs_file));
}

FILED_STEP set_descriptors(const StartPlan& plan, const char**) noexcept {
  if (syscall(SYS_dup3, plan.input, 0, 0) < 0 || syscall(SYS_dup3, plan.output, 1, 0) < 0 ||
      syscall(SYS_dup3, plan.output, 2, 0) < 0) {
    return false;
  }
  // All of ours are close-on-exec already; this is for what a library may have opened.
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  syscall(SYS_umask, 022);
  return true;
}

// First the service's own limits that filed has raised for itself, then those of [limits].
FILED_STEP set_limits(const StartPlan& plan, const char** part) noexcept {
  *part = "the service's limits";
  for (const ServiceLimit& limit : raised_limits()) {
    uint64_t value[2] = {limit.soft, limit.hard};
    if (syscall(SYS_prlimit64, 0, limit.resource, value, nullptr) != 0) return false;
  }
  for (size_t i = 0; i < plan.limit_count; ++i) {
    *part = plan.limits[i].step;
    if (plan.limits[i].apply(plan.limits[i]) != 0) return false;
  }
  return true;
}

FILED_STEP set_no_new_privs(const StartPlan&, const char**) noexcept {
  return syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0;
}

FILED_STEP empty_bounding_set(const StartPlan& plan, const char**) noexcept {
  return !plan.drop_bounding_set || succeeded(drop_bounding_set());
}

// A job of the serving user could stop filed and read its state. Users cannot submit one; it may be
// left from when filed served as another user.
FILED_STEP spare_serving_user(const StartPlan& plan, const char** part) noexcept {
  if (!plan.serving || (plan.uid != *plan.serving && plan.uid != kServingId)) return true;
  *part = "its owner is the user that filed serves as";
  return succeeded(EPERM);
}

// Without its groups and its home, a job would do something else than its owner expects.
FILED_STEP check_user(const StartPlan& plan, const char**) noexcept {
  return succeeded(plan.user_error);
}

FILED_STEP set_groups(const StartPlan& plan, const char**) noexcept {
  return !plan.set_user || syscall(FILED_SYS_SETGROUPS, plan.group_count, plan.groups) == 0;
}

FILED_STEP set_gid(const StartPlan& plan, const char**) noexcept {
  return !plan.set_user || syscall(FILED_SYS_SETRESGID, plan.gid, plan.gid, plan.gid) == 0;
}

FILED_STEP set_uid(const StartPlan& plan, const char**) noexcept {
  return !plan.set_user || syscall(FILED_SYS_SETRESUID, plan.uid, plan.uid, plan.uid) == 0;
}

// The launcher's own user gets nothing else of what the launcher may do. A change of user has taken
// the capabilities already.
FILED_STEP drop_capabilities(const StartPlan& plan, const char**) noexcept {
  return plan.set_user || plan.uid == 0 || succeeded(set_capabilities({}));
}

FILED_STEP tie_to_parent(const StartPlan& plan, const char** part) noexcept {
  // On some systems a change of ids makes a process dumpable.
  syscall(SYS_prctl, PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
  if (syscall(SYS_prctl, PR_SET_PDEATHSIG, long{SIGKILL}, 0L, 0L, 0L) != 0) return false;
  // The launcher may have died before.
  if (syscall(SYS_getppid) == plan.parent) return true;
  *part = "launcher is gone";
  return succeeded(ESRCH);
}

FILED_STEP enter_home(const StartPlan& plan, const char**) noexcept {
  if (syscall(SYS_chdir, plan.home) != 0) syscall(SYS_chdir, "/");
  return true;
}

FILED_STEP unblock_signals(const StartPlan&, const char**) noexcept {
  uint64_t no_signals[2] = {0, 0};  // _NSIG bits, 128 on some machines
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, no_signals, nullptr, size_t{_NSIG / 8});
  return true;
}

FILED_STEP confine(const StartPlan& plan, const char** part) noexcept {
  return plan.confine == nullptr || succeeded(plan.confine(plan.confine_context, part));
}

// After the hook, which may use any descriptor, also number 3.
FILED_STEP place_text(const StartPlan& plan, const char**) noexcept {
  if (plan.text < 0) return true;
  if (plan.text == kTextDescriptor) return syscall(SYS_fcntl, kTextDescriptor, F_SETFD, 0) == 0;
  return syscall(SYS_dup3, plan.text, kTextDescriptor, 0) >= 0;
}

// The last moment at which filed can withdraw the order.
FILED_STEP confirm_order(const StartPlan& plan, const char**) noexcept {
  return succeeded(OrderWords::run(*plan.order) ? 0 : ECANCELED);
}

FILED_STEP execute(const StartPlan& plan, const char**) noexcept {
  return syscall(SYS_execve, plan.program, plan.argv, plan.envp) == 0;
}

struct Step {
  std::string_view name;
  StepFunction run;
};

constexpr Step kSteps[] = {
    {"setsid", enter_containment},
    {"descriptors", set_descriptors},
    {"limits", set_limits},
    {"no_new_privs", set_no_new_privs},
    {"capabilities", empty_bounding_set},
    {"look-up of the user", check_user},
    {"owner", spare_serving_user},
    {"setgroups", set_groups},
    {"setgid", set_gid},
    {"setuid", set_uid},
    {"capabilities", drop_capabilities},
    {"pdeathsig", tie_to_parent},
    {"home", enter_home},
    {"signals", unblock_signals},
    {"sandbox", confine},
    {"descriptors", place_text},
    {"withdrawn", confirm_order},
    {"exec", execute},
};

constexpr size_t place_of(std::string_view name) {
  size_t place = 0;
  while (place < std::size(kSteps) && kSteps[place].name != name) ++place;
  return place;
}

constexpr bool has_names() {
  for (const Step& step : kSteps) {
    if (step.name.empty() || step.run == nullptr) return false;
  }
  return true;
}

static_assert(has_names());
// Limits above the hard ones, and the bounding set, need rights that a change of user takes.
static_assert(place_of("limits") < place_of("setuid"));
static_assert(place_of("capabilities") < place_of("setuid"));
static_assert(place_of("owner") < place_of("setuid"));
static_assert(place_of("setgroups") < place_of("setgid") &&
              place_of("setgid") < place_of("setuid"));
// A change of user clears the signal that comes with the parent's death.
static_assert(place_of("setuid") < place_of("pdeathsig"));
// The home's path may be out of the sandbox's reach, and is looked up as the user.
static_assert(place_of("setuid") < place_of("home") && place_of("home") < place_of("sandbox"));
static_assert(place_of("withdrawn") + 1 == place_of("exec"));
static_assert(place_of("exec") == std::size(kSteps) - 1);

}  // namespace

FILED_SHARED_MEMORY StepFailure run_child_steps(const StartPlan& plan) noexcept {
  for (const Step& step : kSteps) {
    const char* part = step.name.data();
    if (!step.run(plan, &part)) return {part, errno};
  }
  return {};
}

}  // namespace filed
