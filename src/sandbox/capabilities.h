// Takes capabilities away from a process before it enters the sandbox. A confined root keeps those
// that give no way out of the sandbox.
#pragma once

#include <cstdint>

namespace filed {

// The capabilities that a confined root keeps: over granted files, its own ids and processes,
// privileged ports and raw sockets. Not those that reach out of a sandbox: modules, raw disks and
// memory, mounts, device nodes, tracing, file handles, interfaces and firewalls, the clock.
uint64_t kept_capabilities();

// Removes all but `kept` from the calling thread's permitted, effective and inheritable sets, and
// so from the ambient one. With no_new_privs set, no exec gets them back, not even root's. Returns
// 0 or an errno.
int limit_capabilities(uint64_t kept) noexcept;

}  // namespace filed
