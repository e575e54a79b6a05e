#include "base/fusermount.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/clock.h"

namespace filed {

int run_fusermount(const std::string& dir, int64_t timeout_ns) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::string program = "fusermount3";
  std::string flags = "-uzq";
  std::string separator = "--";
  std::string directory = dir;
  char* argv[] = {program.data(), flags.data(), separator.data(), directory.data(), nullptr};
  pid_t pid = 0;
  int error = posix_spawnp(&pid, program.c_str(), nullptr, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return error;

  SystemClock clock;
  for (int64_t deadline = clock.mono_ns() + timeout_ns; clock.mono_ns() < deadline;) {
    if (waitpid(pid, nullptr, WNOHANG) != 0) return 0;
    timespec pause = to_timespec(5 * kNsPerMs);
    nanosleep(&pause, nullptr);
  }
  return ETIMEDOUT;
}

}  // namespace filed
