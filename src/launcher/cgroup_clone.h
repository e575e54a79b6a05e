// Starts a process within a cgroup.
#pragma once

#include <sys/types.h>

namespace filed {

// Whether clone_into_cgroup() is written for this machine.
#if (defined(__x86_64__) && defined(__LP64__)) || defined(__aarch64__)
constexpr bool kCanCloneIntoCgroup = true;
#else
constexpr bool kCanCloneIntoCgroup = false;
#endif

// clone3(2) with CLONE_INTO_CGROUP: like clone(2), with the group's open directory. `stack` is the
// end of the child's stack, `thread` its thread pointer if the flags have CLONE_SETTLS. `function`
// must not return. Returns the pid, or -1 with errno: ENOSYS if the kernel or a seccomp filter has
// no clone3.
pid_t clone_into_cgroup(int (*function)(void*), void* stack, unsigned flags, void* argument,
                        void* thread, int directory) noexcept;

// fork(2) into the group. The child may only make system calls.
pid_t fork_into_cgroup(int directory) noexcept;

// Moves a process into the group by its open cgroup.procs. Slow, as below. Returns 0 or an errno.
int move_to_cgroup(int procs_file, pid_t pid);

// For a child: moves itself into the group by its open cgroup.procs. Slow (milliseconds), because
// the kernel waits for all processors. Returns 0 or an errno. Async-signal-safe.
int enter_cgroup(int procs_file) noexcept;

}  // namespace filed
