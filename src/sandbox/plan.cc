#include "sandbox/plan.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace filed {
namespace {

std::string no_landlock(int error) {
  if (error == EOPNOTSUPP) {
    return "landlock: not switched on in this kernel (its lsm= parameter must name landlock)";
  }
  return "landlock: not in this kernel (needs Linux 5.13 with CONFIG_SECURITY_LANDLOCK)";
}

}  // namespace

Kernel this_kernel() {
  Kernel kernel;
  kernel.landlock_abi = landlock::kernel_abi();
  if (kernel.landlock_abi == 0) kernel.landlock_error = errno;
  kernel.seccomp = seccomp::known_machine() && seccomp::available();
  return kernel;
}

Plan make_plan(const SandboxSpec& spec, const SandboxOptions& options, const Kernel& kernel) {
  Plan plan;
  auto lacking = [&](const std::string& what, const std::string& not_enforced) {
    if (spec.required) throw Error("sandbox: " + what);
    plan.warnings.push_back(what + ": " + not_enforced);
  };

  plan.abi = std::min(kernel.landlock_abi, landlock::kNewestAbi);
  plan.landlock.connect = !spec.connect.empty();
  plan.landlock.bind = !spec.bind.empty();
  plan.landlock.scoped = options.scoped;
  bool ports = plan.landlock.connect || plan.landlock.bind;
  if (plan.abi == 0) {
    lacking(no_landlock(kernel.landlock_error), ports ? "files, signals and ports are not confined"
                                                      : "files and signals are not confined");
  } else {
    if (ports && plan.abi < 4) {
      lacking("connect and bind need Linux 6.7 (Landlock ABI 4, this kernel has " +
                  std::to_string(plan.abi) + ")",
              "TCP ports are not limited");
    }
    if (plan.abi < 3) {
      plan.warnings.emplace_back("truncate(2) of files out of reach needs Linux 6.2 to be denied");
    }
    if (plan.abi < 5) {
      plan.warnings.emplace_back("ioctl(2) on readable devices needs Linux 6.10 to be denied");
    }
    if (plan.abi < 6 && options.scoped) {
      plan.warnings.emplace_back(
          "signals and abstract sockets out of the sandbox need Linux 6.12 to be denied");
    }
  }

  plan.seccomp.no_network = spec.network == Network::kNone;
  plan.seccomp.tcp_ports = ports && plan.abi >= 4;
  plan.seccomp.processes = options.scoped;
  plan.seccomp.terminal = options.guard_terminal;
  if (!kernel.seccomp && plan.seccomp.any()) {
    const char* why = seccomp::known_machine() ? "seccomp: not in this kernel"
                                               : "seccomp: not known on this machine's processor";
    if (plan.seccomp.no_network) lacking(why, "the network is not closed");
    if (plan.seccomp.tcp_ports) lacking(why, "multipath TCP and TCP fast open pass the port lists");
    if (plan.seccomp.processes) {
      plan.warnings.push_back(std::string(why) +
                              ": prlimit(2) reaches processes out of the sandbox");
    }
    if (plan.seccomp.terminal) {
      plan.warnings.push_back(std::string(why) + ": input can be pushed into the terminal");
    }
    plan.seccomp = {};
  }
  return plan;
}

}  // namespace filed
