#include "base/reap.h"

#include <sys/wait.h>

#include <ctime>

#include "base/clock.h"

namespace filed {

bool reap_within(pid_t pid, int64_t timeout_ns) {
  constexpr int64_t kPollNs = 5 * kNsPerMs;
  SystemClock clock;
  int64_t deadline = clock.mono_ns() + timeout_ns;
  while (waitpid(pid, nullptr, WNOHANG) == 0) {
    if (clock.mono_ns() >= deadline) return false;
    timespec pause = to_timespec(kPollNs);
    nanosleep(&pause, nullptr);
  }
  return true;
}

void reap_all_but(pid_t spared) {
  for (;;) {
    siginfo_t ended{};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return;
    if (ended.si_pid == 0 || ended.si_pid == spared) return;
    waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

}  // namespace filed
