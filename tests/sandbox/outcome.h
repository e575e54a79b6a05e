// What an attempt comes to, and how it is made in a process of its own.
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace escape {

// What a way comes to: 0, an errno, or with `words` something that has none.
struct Outcome {
  int error = 0;
  const char* words = nullptr;
};

// Of a system call that has just returned `result`.
inline Outcome of(long result) { return {result < 0 ? errno : 0}; }

inline const char* errno_name(int error) {
  struct Name {
    int error;
    const char* name;
  };
  static const Name kNames[] = {
      {0, "ok"},
      {EPERM, "EPERM"},
      {ENOENT, "ENOENT"},
      {ESRCH, "ESRCH"},
      {EIO, "EIO"},
      {ENXIO, "ENXIO"},
      {EBADF, "EBADF"},
      {EACCES, "EACCES"},
      {EBUSY, "EBUSY"},
      {EEXIST, "EEXIST"},
      {EXDEV, "EXDEV"},
      {ENODEV, "ENODEV"},
      {ENOTDIR, "ENOTDIR"},
      {EISDIR, "EISDIR"},
      {EINVAL, "EINVAL"},
      {ENOTTY, "ENOTTY"},
      {EROFS, "EROFS"},
      {ENOSYS, "ENOSYS"},
      {ENOTSUP, "ENOTSUP"},
      {ECONNREFUSED, "ECONNREFUSED"},
      {ELOOP, "ELOOP"},
      {ENOEXEC, "ENOEXEC"},
      {EAFNOSUPPORT, "EAFNOSUPPORT"},
      {EPROTONOSUPPORT, "EPROTONOSUPPORT"},
      {EADDRINUSE, "EADDRINUSE"},
  };
  for (const Name& name : kNames) {
    if (name.error == error) return name.name;
  }
  return strerror(error);
}

inline pid_t pid_of(const char* text) { return static_cast<pid_t>(atol(text)); }
inline uint16_t port_of(const char* text) { return static_cast<uint16_t>(atoi(text)); }

// Runs `body` in a child and returns what that says; a signal that ends the child is told by name.
template <typename Body>
inline Outcome in_child(Body body) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return of(-1);
  pid_t child = fork();
  if (child == 0) {
    Outcome outcome = body();
    if (write(ends[1], &outcome, sizeof outcome) < 0) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  Outcome outcome{};
  ssize_t n = read(ends[0], &outcome, sizeof outcome);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status) == SIGSYS ? "SIGSYS" : "killed"};
  if (n != sizeof outcome && WEXITSTATUS(status) != 0) return {0, "exited"};
  return outcome;  // with an exec that worked, the pipe was closed unwritten: ok
}

}  // namespace escape
