// What a sandbox is made of, for kernels of every age: Landlock rights, the seccomp filter, the
// plan.
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "catch.h"
#include "confined.h"
#include "sandbox/landlock.h"
#include "sandbox/plan.h"
#include "sandbox/seccomp.h"

using namespace filed;

namespace {

Kernel kernel_with(int abi, bool has_seccomp = true) {
  Kernel kernel;
  kernel.landlock_abi = abi;
  kernel.landlock_error = ENOSYS;
  kernel.seccomp = has_seccomp;
  return kernel;
}

}  // namespace

TEST_CASE("each Landlock ABI adds its rights to those before it", "[sandbox]") {
  using namespace landlock;
  CHECK(fs_rights(0) == 0);
  CHECK(fs_rights(1) == 0x1fff);
  CHECK(fs_rights(2) == 0x3fff);
  CHECK(fs_rights(3) == 0x7fff);
  CHECK(fs_rights(4) == 0x7fff);
  CHECK(fs_rights(5) == 0xffff);
  CHECK(fs_rights(8) == 0xffff);
  CHECK(fs_rights(9) == 0x1ffff);
  CHECK(fs_rights(9, /*scoped=*/false) == 0xffff);
}

TEST_CASE("a rule has no right that its ruleset does not handle or that makes no sense for a file",
          "[sandbox]") {
  using namespace landlock;
  constexpr uint64_t kDirectoryOnly = kAccessFsReadDir | kAccessFsRemoveDir | kAccessFsRemoveFile |
                                      kAccessFsMakeChar | kAccessFsMakeDir | kAccessFsMakeReg |
                                      kAccessFsMakeSock | kAccessFsMakeFifo | kAccessFsMakeBlock |
                                      kAccessFsMakeSym | kAccessFsRefer;
  for (int abi = 1; abi <= kNewestAbi; ++abi) {
    for (bool scoped : {true, false}) {
      for (bool directory : {true, false}) {
        for (Access access : {Access::kRead, Access::kAll}) {
          uint64_t rights = rule_rights(abi, access, directory, scoped);
          CHECK((rights & ~fs_rights(abi, scoped)) == 0);
          CHECK(rights != 0);
          if (!directory) CHECK((rights & kDirectoryOnly) == 0);
        }
      }
      CHECK(rule_rights(abi, Access::kAll, true, scoped) == fs_rights(abi, scoped));
      CHECK(rule_rights(abi, Access::kRead, true) ==
            (kAccessFsExecute | kAccessFsReadFile | kAccessFsReadDir));
      CHECK(rule_rights(abi, Access::kRead, false) == (kAccessFsExecute | kAccessFsReadFile));
    }
  }
}

TEST_CASE("a ruleset handles ports only when asked to, and scopes only where there are any",
          "[sandbox]") {
  using namespace landlock;
  Handled handled;
  CHECK(ruleset_attr(7, handled).handled_access_net == 0);
  CHECK(ruleset_attr(5, handled).scoped == 0);
  CHECK(ruleset_attr(6, handled).scoped == 3);
  handled.scoped = false;
  CHECK(ruleset_attr(9, handled).scoped == 0);
  handled.connect = true;
  CHECK(ruleset_attr(3, handled).handled_access_net == 0);
  CHECK(ruleset_attr(4, handled).handled_access_net == kAccessNetConnectTcp);
  handled.bind = true;
  CHECK(ruleset_attr(4, handled).handled_access_net == (kAccessNetConnectTcp | kAccessNetBindTcp));
  CHECK(restrict_flags(6) == 0);
  CHECK(restrict_flags(7) == 6);
}

TEST_CASE("a kernel that cannot enforce what is required is refused in one line", "[sandbox]") {
  SandboxSpec spec;
  spec.paths.push_back({"/usr"});
  SandboxOptions options;
  auto refusal = [&](const Kernel& kernel) {
    return error_of([&] { make_plan(spec, options, kernel); });
  };
  CHECK(refusal(kernel_with(1)).empty());
  CHECK(refusal(kernel_with(0)) ==
        "sandbox: landlock: not in this kernel (needs Linux 5.13 with CONFIG_SECURITY_LANDLOCK)");
  Kernel off = kernel_with(0);
  off.landlock_error = EOPNOTSUPP;
  CHECK(
      refusal(off) ==
      "sandbox: landlock: not switched on in this kernel (its lsm= parameter must name landlock)");

  CHECK(refusal(kernel_with(7, /*has_seccomp=*/false)).empty());
  spec.network = Network::kNone;
  CHECK(refusal(kernel_with(7)).empty());
  CHECK(refusal(kernel_with(7, false)).substr(0, 16) == "sandbox: seccomp");
  spec.network = Network::kAll;

  for (auto* ports : {&spec.connect, &spec.bind}) {
    ports->push_back(443);
    CHECK(refusal(kernel_with(4)).empty());
    CHECK(refusal(kernel_with(3)) ==
          "sandbox: connect and bind need Linux 6.7 (Landlock ABI 4, this kernel has 3)");
    CHECK(refusal(kernel_with(7, false)).substr(0, 16) == "sandbox: seccomp");
    ports->clear();
  }
}

TEST_CASE("what is not required and not enforced is a warning", "[sandbox]") {
  SandboxSpec spec;
  spec.required = false;
  spec.connect = {443};
  auto warnings = [&](int abi, bool has_seccomp = true) {
    return make_plan(spec, {}, kernel_with(abi, has_seccomp)).warnings;
  };
  CHECK(warnings(6).empty());
  CHECK(warnings(7).empty());
  CHECK(warnings(99).empty());
  CHECK(warnings(5).size() == 1);  // signals
  CHECK(warnings(4).size() == 2);  // and device ioctls
  CHECK(warnings(3).size() == 3);  // and ports
  CHECK(warnings(2).size() == 4);  // and truncate
  REQUIRE(warnings(0).size() == 1);
  CHECK(warnings(0)[0].find("are not confined") != std::string::npos);
  CHECK(warnings(7, false).size() == 2);
  spec.network = Network::kNone;
  CHECK(warnings(7, false).size() == 3);

  CHECK(make_plan(spec, {}, kernel_with(0)).abi == 0);
  CHECK(make_plan(spec, {}, kernel_with(99)).abi == landlock::kNewestAbi);
  SandboxOptions open;
  open.scoped = false;
  CHECK(make_plan({}, open, kernel_with(5)).warnings.empty());
}

namespace {

// What the kernel's interpreter would make of a filter.
uint32_t verdict(const std::vector<sock_filter>& filter, const seccomp_data& data) {
  uint32_t word = 0;
  for (size_t at = 0; at < filter.size(); ++at) {
    const sock_filter& step = filter[at];
    auto jump = [&](bool taken) { at += taken ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        REQUIRE(step.k + sizeof word <= sizeof data);
        memcpy(&word, reinterpret_cast<const char*>(&data) + step.k, sizeof word);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(word == step.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(word >= step.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((word & step.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        FAIL("a step that the interpreter does not know");
    }
  }
  FAIL("the filter has no answer");
  return 0;
}

#ifdef __x86_64__
constexpr uint32_t kHere = AUDIT_ARCH_X86_64;
constexpr uint32_t kHere32 = AUDIT_ARCH_I386;
constexpr int kPrlimit32 = 340;
#else
constexpr uint32_t kHere = AUDIT_ARCH_AARCH64;
constexpr uint32_t kHere32 = AUDIT_ARCH_ARM;
constexpr int kPrlimit32 = 369;
#endif
constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kAccess = SECCOMP_RET_ERRNO | EACCES;
constexpr uint32_t kPerm = SECCOMP_RET_ERRNO | EPERM;

seccomp_data call(long number, std::vector<uint64_t> args = {}, uint32_t arch = kHere) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = arch;
  std::copy(args.begin(), args.end(), data.args);
  return data;
}

std::vector<sock_filter> filter_for(bool no_network, bool tcp_ports, bool processes,
                                    bool terminal) {
  seccomp::Denied denied;
  denied.no_network = no_network;
  denied.tcp_ports = tcp_ports;
  denied.processes = processes;
  denied.terminal = terminal;
  return seccomp::program(denied);
}

}  // namespace

TEST_CASE("network none leaves unix sockets only, by every entry", "[sandbox]") {
  if (!seccomp::known_machine()) return;
  auto filter = filter_for(true, false, true, false);
  for (long number : {SYS_socket, SYS_socketpair}) {
    CHECK(verdict(filter, call(number, {AF_UNIX, SOCK_STREAM, 0})) == kAllow);
    for (uint64_t family = 0; family < 64; ++family) {
      if (family == AF_UNIX) continue;
      CHECK(verdict(filter, call(number, {family, SOCK_STREAM, 0})) == kAccess);
    }
    // The kernel takes an int; what stands above it is nothing.
    uint64_t high = uint64_t{1} << 32;
    CHECK(verdict(filter, call(number, {high | AF_INET, SOCK_STREAM, 0})) == kAccess);
    CHECK(verdict(filter, call(number, {high | AF_UNIX, SOCK_STREAM, 0})) == kAllow);
  }
  for (long number : {425, 426, 427}) CHECK(verdict(filter, call(number)) == kPerm);
  CHECK(verdict(filter, call(SYS_read)) == kAllow);
  CHECK(verdict(filter, call(SYS_execve)) == kAllow);
  CHECK(verdict(filter, call(SYS_ioctl, {0, 0x5412})) == kAllow);
  for (uint32_t arch : {kHere32, uint32_t{AUDIT_ARCH_PPC64}, 0u}) {
    for (int number = 0; number < 500; ++number) {
      CHECK(verdict(filter, call(number, {AF_UNIX}, arch)) == SECCOMP_RET_KILL_PROCESS);
    }
  }
#ifdef __x86_64__
  CHECK(verdict(filter, call(0x40000000 | SYS_socket, {AF_INET})) == (SECCOMP_RET_ERRNO | ENOSYS));
  CHECK(verdict(filter, call(-1)) == (SECCOMP_RET_ERRNO | ENOSYS));
#endif
}

TEST_CASE("a port list closes what Landlock does not see as TCP", "[sandbox]") {
  if (!seccomp::known_machine()) return;
  auto filter = filter_for(false, true, true, false);
  constexpr uint64_t kFastOpen = 0x20000000;
  CHECK(verdict(filter, call(SYS_socket, {AF_INET, SOCK_STREAM, 0})) == kAllow);
  CHECK(verdict(filter, call(SYS_socket, {AF_INET6, SOCK_STREAM, 262})) == kAccess);
  CHECK(verdict(filter, call(SYS_socket, {43, SOCK_STREAM, 0})) == kAccess);
  CHECK(verdict(filter, call(SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0})) == kAllow);
  CHECK(verdict(filter, call(SYS_sendto, {3, 0, 1, MSG_NOSIGNAL})) == kAllow);
  CHECK(verdict(filter, call(SYS_sendto, {3, 0, 1, kFastOpen | MSG_NOSIGNAL})) == kAccess);
  CHECK(verdict(filter, call(SYS_sendmsg, {3, 0, kFastOpen})) == kAccess);
  CHECK(verdict(filter, call(SYS_sendmsg, {3, kFastOpen, 0})) == kAllow);
  CHECK(verdict(filter, call(SYS_sendmmsg, {3, 0, 1, kFastOpen})) == kAccess);
  CHECK(verdict(filter, call(425)) == kPerm);
  CHECK(verdict(filter, call(359, {AF_INET}, kHere32)) == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("32-bit programs run without a network limit and are held to the rest", "[sandbox]") {
  if (!seccomp::known_machine()) return;
  auto filter = filter_for(false, false, true, true);
  CHECK(verdict(filter, call(SYS_socket, {AF_INET})) == kAllow);
  CHECK(verdict(filter, call(425)) == kAllow);
  for (auto [arch, prlimit, ioctl] :
       {std::tuple<uint32_t, long, long>{kHere, SYS_prlimit64, SYS_ioctl},
        {kHere32, kPrlimit32, 54}}) {
    CHECK(verdict(filter, call(prlimit, {0, 4}, arch)) == kAllow);
    CHECK(verdict(filter, call(prlimit, {1, 4}, arch)) == kPerm);
    CHECK(verdict(filter, call(prlimit, {uint64_t{1} << 32, 4}, arch)) == kAllow);
    CHECK(verdict(filter, call(ioctl, {0, 0x5412}, arch)) == kPerm);
    CHECK(verdict(filter, call(ioctl, {0, 0x541c}, arch)) == kPerm);
    CHECK(verdict(filter, call(ioctl, {0, (uint64_t{1} << 32) | 0x5412}, arch)) == kPerm);
    CHECK(verdict(filter, call(ioctl, {0, 0x5401}, arch)) == kAllow);
    CHECK(verdict(filter, call(1, {}, arch)) == kAllow);
  }
  CHECK(verdict(filter, call(1, {}, AUDIT_ARCH_PPC64)) == SECCOMP_RET_KILL_PROCESS);
  CHECK(seccomp::program({}).empty());
}
