#include "base/fusermount.h"

#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/reap.h"

namespace filed {
namespace {

constexpr int64_t kTimeoutNs = 5 * kNsPerSec;

}  // namespace

int run_fusermount(const std::string& dir) {
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
  return reap_within(pid, kTimeoutNs) ? 0 : ETIMEDOUT;
}

}  // namespace filed
