// Landlock's system calls, and the rights that each version of its ABI knows. The names and numbers
// are those of <linux/landlock.h>. They stand here because on many build machines that header is
// older than the kernel.
//
//   ABI  Linux  adds
//   1    5.13   files
//   2    5.19   refer
//   3    6.2    truncate
//   4    6.7    TCP ports
//   5    6.10   ioctl on devices
//   6    6.12   signals, abstract sockets
//   7    6.15   audit flags
//   8    7.0    thread sync
//   9    7.1    socket files
#pragma once

#include <cstdint>

namespace filed::landlock {

// The newest ABI that this code makes use of; a newer kernel is used as this one.
constexpr int kNewestAbi = 9;

// LANDLOCK_ACCESS_FS_*
constexpr uint64_t kAccessFsExecute = 1u << 0;
constexpr uint64_t kAccessFsWriteFile = 1u << 1;
constexpr uint64_t kAccessFsReadFile = 1u << 2;
constexpr uint64_t kAccessFsReadDir = 1u << 3;
constexpr uint64_t kAccessFsRemoveDir = 1u << 4;
constexpr uint64_t kAccessFsRemoveFile = 1u << 5;
constexpr uint64_t kAccessFsMakeChar = 1u << 6;
constexpr uint64_t kAccessFsMakeDir = 1u << 7;
constexpr uint64_t kAccessFsMakeReg = 1u << 8;
constexpr uint64_t kAccessFsMakeSock = 1u << 9;
constexpr uint64_t kAccessFsMakeFifo = 1u << 10;
constexpr uint64_t kAccessFsMakeBlock = 1u << 11;
constexpr uint64_t kAccessFsMakeSym = 1u << 12;
constexpr uint64_t kAccessFsRefer = 1u << 13;        // ABI 2
constexpr uint64_t kAccessFsTruncate = 1u << 14;     // ABI 3
constexpr uint64_t kAccessFsIoctlDev = 1u << 15;     // ABI 5
constexpr uint64_t kAccessFsResolveUnix = 1u << 16;  // ABI 9

// LANDLOCK_ACCESS_NET_*, ABI 4
constexpr uint64_t kAccessNetBindTcp = 1u << 0;
constexpr uint64_t kAccessNetConnectTcp = 1u << 1;

// LANDLOCK_SCOPE_*, ABI 6
constexpr uint64_t kScopeAbstractUnixSocket = 1u << 0;
constexpr uint64_t kScopeSignal = 1u << 1;

// LANDLOCK_RESTRICT_SELF_*, ABI 7
constexpr uint32_t kRestrictSelfLogSameExecOff = 1u << 0;
constexpr uint32_t kRestrictSelfLogNewExecOn = 1u << 1;
constexpr uint32_t kRestrictSelfLogSubdomainsOff = 1u << 2;

// struct landlock_ruleset_attr as ABI 6 has it. Older kernels take the longer form where what they
// do not know is zero.
struct RulesetAttr {
  uint64_t handled_access_fs = 0;
  uint64_t handled_access_net = 0;
  uint64_t scoped = 0;
};

// Rights for a rule.
enum class Access { kRead, kAll };

// Every right over files that ABI `abi` knows; 0 for an ABI below 1. `scoped` false leaves out the
// right over socket files.
uint64_t fs_rights(int abi, bool scoped = true);

// Of these, the rights of a rule: to read is to read and execute. A rule for what is no directory
// carries only the rights that mean something for a file, as the kernel refuses others.
uint64_t rule_rights(int abi, Access access, bool directory, bool scoped = true);

// What a ruleset handles.
struct Handled {
  bool connect = false;  // limit TCP connect to the rules' ports
  bool bind = false;     // limit TCP bind to the rules' ports
  bool scoped = true;    // signals, abstract sockets, socket files
};
RulesetAttr ruleset_attr(int abi, const Handled& handled);

// Flags for landlock_restrict_self. What the programs in the sandbox are denied goes to the audit
// log. What they deny themselves, in sandboxes of their own, does not, so they cannot flood it.
uint32_t restrict_flags(int abi);

// The running kernel's ABI. 0 when there is none, with errno ENOSYS (not built in) or EOPNOTSUPP
// (built in, not switched on: the kernel's lsm= parameter).
int kernel_abi();

// The three system calls; -1 and errno. restrict_self is async-signal-safe.
int create_ruleset(const RulesetAttr& attr);
int add_path(int ruleset, int fd, uint64_t rights);
int add_port(int ruleset, uint16_t port, uint64_t rights);
int restrict_self(int ruleset, uint32_t flags) noexcept;

}  // namespace filed::landlock
