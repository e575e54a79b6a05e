// Ways to change the system as a whole.
#pragma once

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "outcome.h"

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_fsopen 430
#endif

namespace escape {

inline Outcome mount_tmpfs(char** args) {
  Outcome outcome = of(mount("none", args[0], "tmpfs", 0, nullptr));
  if (outcome.error == 0) umount(args[0]);
  return outcome;
}
inline Outcome bind_mount(char** args) {
  Outcome outcome = of(mount(args[0], args[1], nullptr, MS_BIND, nullptr));
  if (outcome.error == 0) umount(args[1]);
  return outcome;
}
inline Outcome unmount(char** args) { return of(umount2(args[0], MNT_DETACH)); }

// In a mount namespace of its own, so that nobody's root changes.
inline Outcome pivot(char** args) {
  return in_child([&]() -> Outcome {
    if (unshare(CLONE_NEWNS) != 0) return of(-1);
    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    mount(args[0], args[0], nullptr, MS_BIND, nullptr);
    if (chdir(args[0]) != 0) return of(-1);
    return of(syscall(SYS_pivot_root, ".", "."));
  });
}

inline Outcome mount_in_user_namespace(char** args) {
  return in_child([&]() -> Outcome {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return {0, "no user namespace"};
    return of(mount("none", args[0], "tmpfs", 0, nullptr));
  });
}

inline Outcome open_tree_clone(char** args) {
  constexpr unsigned kClone = 1;  // OPEN_TREE_CLONE
  return of(syscall(SYS_open_tree, AT_FDCWD, args[0], kClone | O_CLOEXEC));
}
inline Outcome open_filesystem(char**) { return of(syscall(SYS_fsopen, "tmpfs", 0)); }

inline Outcome enter_namespace(char** args) {
  int fd = open(args[0], O_RDONLY);
  return fd < 0 ? of(-1) : of(setns(fd, 0));
}

inline Outcome bpf_map(char**) {
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = 4;
  attr.max_entries = 1;
  return of(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

inline Outcome kernel_log(char**) {
  char line[256];
  constexpr int kReadAll = 3;
  return of(klogctl(kReadAll, line, sizeof line));
}

inline Outcome host_name(char**) {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return of(-1);
  return of(sethostname(name, strlen(name)));
}

// Of every process on a processor, which an unprivileged one may not.
inline Outcome perf(char**) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  return of(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

// With descriptor 0 a terminal: input that its next reader takes for typed.
inline Outcome push_input(char**) { return of(ioctl(0, TIOCSTI, "x")); }
inline Outcome push_input_high_bits(char**) {
  return of(syscall(SYS_ioctl, 0, (1L << 32) | TIOCSTI, "x"));
}
inline Outcome open_terminal(char**) { return of(open("/dev/tty", O_RDWR)); }

}  // namespace escape
