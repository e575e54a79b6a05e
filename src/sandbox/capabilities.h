// The capabilities of a confined process.
#pragma once

#include <cstdint>

namespace filed {

// Those that a confined root keeps: over files that are granted, over its own ids and processes,
// over privileged ports and raw sockets. What reaches past a sandbox is not among them: modules,
// raw disks and memory, mounts, device nodes, tracing, file handles, interfaces and firewalls, the
// clock.
uint64_t kept_capabilities();

// Takes all but `kept` from the calling thread's permitted, effective and inheritable sets, and so
// from the ambient one. With no_new_privs set, no exec gets them back, root's neither. Returns 0 or
// an errno.
int limit_capabilities(uint64_t kept) noexcept;

}  // namespace filed
