// What tests of the sandbox share: processes that confine themselves, and errors as text.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/fd.h"

// The message of the Error that `body` throws; empty when it throws none.
inline std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const filed::Error& error) {
    return error.what();
  }
  return {};
}

// Runs `body` in a process of its own and returns its result, or -1 when it was killed.
inline int in_child(const std::function<int()>& body) {
  pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What opening `path` comes to: 0 or an errno.
inline int open_errno(const std::string& path, int flags) {
  filed::Fd fd(open(path.c_str(), flags | O_CLOEXEC));
  return fd ? 0 : errno;
}
