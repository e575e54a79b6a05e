#include "sandbox/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

// The same on every architecture but alpha, which has no Landlock users here.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

namespace filed::landlock {
namespace {

constexpr uint32_t kCreateRulesetVersion = 1u << 0;  // LANDLOCK_CREATE_RULESET_VERSION

enum RuleType { kRulePathBeneath = 1, kRuleNetPort = 2 };

// struct landlock_path_beneath_attr, packed as the kernel has it.
struct PathBeneathAttr {
  uint64_t allowed_access;
  int32_t parent_fd;
} __attribute__((packed));

// struct landlock_net_port_attr
struct NetPortAttr {
  uint64_t allowed_access;
  uint64_t port;
};

constexpr uint64_t kReadRights = kAccessFsExecute | kAccessFsReadFile | kAccessFsReadDir;
constexpr uint64_t kFileRights = kAccessFsExecute | kAccessFsReadFile | kAccessFsWriteFile |
                                 kAccessFsTruncate | kAccessFsIoctlDev | kAccessFsResolveUnix;

}  // namespace

uint64_t fs_rights(int abi, bool scoped) {
  if (abi < 1) return 0;
  uint64_t rights = kAccessFsRefer - 1;  // ABI 1 knows every right below this one
  if (abi >= 2) rights |= kAccessFsRefer;
  if (abi >= 3) rights |= kAccessFsTruncate;
  if (abi >= 5) rights |= kAccessFsIoctlDev;
  if (abi >= 9 && scoped) rights |= kAccessFsResolveUnix;
  return rights;
}

uint64_t rule_rights(int abi, Access access, bool directory, bool scoped) {
  uint64_t rights = fs_rights(abi, scoped);
  if (access == Access::kRead) rights &= kReadRights;
  if (!directory) rights &= kFileRights;
  return rights;
}

RulesetAttr ruleset_attr(int abi, const Handled& handled) {
  RulesetAttr attr;
  attr.handled_access_fs = fs_rights(abi, handled.scoped);
  if (abi >= 4) {
    if (handled.connect) attr.handled_access_net |= kAccessNetConnectTcp;
    if (handled.bind) attr.handled_access_net |= kAccessNetBindTcp;
  }
  if (abi >= 6 && handled.scoped) attr.scoped = kScopeAbstractUnixSocket | kScopeSignal;
  return attr;
}

uint32_t restrict_flags(int abi) {
  return abi >= 7 ? kRestrictSelfLogNewExecOn | kRestrictSelfLogSubdomainsOff : 0;
}

int kernel_abi() {
  long abi = syscall(SYS_landlock_create_ruleset, nullptr, size_t{0}, kCreateRulesetVersion);
  return static_cast<int>(std::max(abi, 0L));
}

int create_ruleset(const RulesetAttr& attr) {
  return static_cast<int>(syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0u));
}

int add_path(int ruleset, int fd, uint64_t rights) {
  PathBeneathAttr attr{rights, fd};
  return static_cast<int>(syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &attr, 0u));
}

int add_port(int ruleset, uint16_t port, uint64_t rights) {
  NetPortAttr attr{rights, port};
  return static_cast<int>(syscall(SYS_landlock_add_rule, ruleset, kRuleNetPort, &attr, 0u));
}

int restrict_self(int ruleset, uint32_t flags) noexcept {
  return static_cast<int>(syscall(SYS_landlock_restrict_self, ruleset, flags));
}

}  // namespace filed::landlock
