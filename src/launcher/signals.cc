#include "launcher/signals.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace filed {

void take_over_signals() {
  // By system call, because sigaction(3) leaves out the signals that the C library uses itself. A
  // struct of all zeros means the default. It is not larger than this on any machine.
  const uint64_t defaults[8] = {};
  for (int signal = 1; signal < _NSIG; ++signal) {
    syscall(SYS_rt_sigaction, signal, defaults, nullptr, size_t{_NSIG / 8});
  }
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  // We stop processes before we kill them. Each stop would wake us.
  action.sa_flags = SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, nullptr);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
}

void stop_tracing(pid_t pid) {
  siginfo_t info{};
  int error = waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOHANG | __WALL);
  if (error != 0 || info.si_pid != pid) return;  // killed in the meantime
  int signal = info.si_status & 0x7f;
  ptrace(PTRACE_DETACH, pid, nullptr, reinterpret_cast<void*>(static_cast<intptr_t>(signal)));
}

}  // namespace filed
