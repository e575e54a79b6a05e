// Ways to run what is not granted, and to other processes.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "outcome.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_send_signal 424
#define SYS_pidfd_open 434
#define SYS_pidfd_getfd 438
#endif
#ifndef PTRACE_SEIZE
#define PTRACE_SEIZE 0x4206
#endif

namespace escape {

constexpr uid_t kNobody = 65534;

inline Outcome exec_program(char** args) {
  return in_child([&]() -> Outcome {
    execv(args[0], args);
    return of(-1);
  });
}

// The loader as a program, which is to run what is not granted: LOADER PROGRAM. It fails in its own
// way, with words.
inline Outcome exec_through_loader(char** args) {
  int ends[2];
  if (pipe(ends) != 0) return of(-1);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    execv(args[0], args);
    dprintf(2, "exec: %s", strerror(errno));
    _exit(127);
  }
  close(ends[1]);
  char said[4096];
  size_t size = 0;
  for (ssize_t n; (n = read(ends[0], said + size, sizeof said - 1 - size)) > 0;) size += n;
  said[size] = '\0';
  int status = 0;
  waitpid(child, &status, 0);
  if (status == 0) return {};
  if (strstr(said, "Permission denied") != nullptr) return {EACCES};
  return {0, "another error"};
}

// PROGRAM is a copy of this one, owned by root and setuid; run by nobody it should be root's.
inline Outcome exec_setuid(char** args) {
  return in_child([&]() -> Outcome {
    if (setgid(kNobody) != 0 || setuid(kNobody) != 0) return of(-1);
    execl(args[0], args[0], "be-root", nullptr);
    return of(-1);
  });
}
inline Outcome do_nothing(char**) { return {}; }
inline Outcome be_root(char**) { return {geteuid() == 0 ? 0 : EPERM}; }

// With `by_exec` the memfd itself is executed (#!), else the shell reads it.
inline Outcome run_memfd(bool by_exec) {
  static const char kScript[] = "#!/bin/sh\necho from a memfd >/dev/null\nexit 7\n";
  int fd = memfd_create("job", 0);
  if (write(fd, kScript, sizeof kScript - 1) < 0) return of(-1);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  pid_t child = fork();
  if (child == 0) {
    if (by_exec)
      execl(path, path, nullptr);
    else
      execl("/bin/sh", "sh", path, nullptr);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  int code = WEXITSTATUS(status);
  return {code == 7 ? 0 : code};
}
inline Outcome memfd_script(char**) { return run_memfd(true); }
inline Outcome memfd_for_shell(char**) { return run_memfd(false); }

inline Outcome trace(char** args) {
  pid_t pid = pid_of(args[0]);
  Outcome outcome = of(ptrace(static_cast<decltype(PTRACE_ATTACH)>(PTRACE_SEIZE), pid, 0, 0));
  if (outcome.error == 0) ptrace(PTRACE_DETACH, pid, 0, 0);
  return outcome;
}

inline Outcome send_signal(char** args) { return of(kill(pid_of(args[0]), atoi(args[1]))); }

inline Outcome stop_process(char** args) {
  pid_t pid = pid_of(args[0]);
  Outcome outcome = of(kill(pid, SIGSTOP));
  if (outcome.error == 0) kill(pid, SIGCONT);
  return outcome;
}

inline Outcome signal_by_pidfd(char** args) {
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_of(args[0]), 0));
  return fd < 0 ? of(-1) : of(syscall(SYS_pidfd_send_signal, fd, SIGCONT, nullptr, 0));
}

inline Outcome steal_descriptor(char** args) {
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_of(args[0]), 0));
  return fd < 0 ? of(-1) : of(syscall(SYS_pidfd_getfd, fd, atoi(args[1]), 0));
}

// Address 1 is mapped nowhere: EFAULT says that the kernel would have read it.
inline Outcome read_memory(char** args) {
  char byte;
  iovec here{&byte, 1};
  iovec there{reinterpret_cast<void*>(1), 1};
  Outcome outcome = of(process_vm_readv(pid_of(args[0]), &here, 1, &there, 1, 0));
  return outcome.error == EFAULT ? Outcome{} : outcome;
}

inline Outcome limit_process(char** args) {
  pid_t pid = pid_of(args[0]);
  rlimit limit;
  if (prlimit(pid, RLIMIT_CORE, nullptr, &limit) != 0) return of(-1);
  return of(prlimit(pid, RLIMIT_CORE, &limit, nullptr));
}

}  // namespace escape
