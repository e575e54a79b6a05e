// The seccomp filter of a sandbox: it closes what Landlock has no rule for. Plain BPF, no library.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace filed::seccomp {

// What a filter is to deny.
struct Denied {
  // network = none: socket(2) and socketpair(2) of anything but AF_UNIX give EACCES.
  bool no_network = false;
  // Beside Landlock's port rules, which see TCP sockets only in bind(2) and connect(2): multipath
  // TCP and SMC sockets, and the connecting send of TCP fast open, give EACCES.
  bool tcp_ports = false;
  // Beside Landlock's scoping of signals: prlimit(2) with a pid other than 0 gives EPERM. A limit
  // on CPU time would otherwise end any process of the same user.
  bool processes = false;
  // TIOCSTI and TIOCLINUX give EPERM.
  bool terminal = false;

  bool network() const { return no_network || tcp_ports; }
  bool any() const { return network() || processes || terminal; }
};

// Whether this code knows the machine that it is built for: x86-64 and aarch64.
bool known_machine();

// Whether the running kernel takes filters.
bool available();

// The program; empty when nothing is denied or the machine is not known.
//
// Where something of the network is denied, two more things are. io_uring gives EPERM (as with the
// kernel's io_uring_disabled), because it makes such calls past the filter. A 32-bit system call ends
// the process with SIGSYS. Else 32-bit programs work, and the rest of the filter holds for them, too.
// x32's system calls give ENOSYS.
std::vector<sock_filter> program(const Denied& denied);

// Makes `filter` the calling thread's for good. no_new_privs must be set. Async-signal-safe.
// Returns 0 or an errno.
int install(const std::vector<sock_filter>& filter) noexcept;

}  // namespace filed::seccomp
