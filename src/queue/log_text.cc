#include "queue/log_text.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <ctime>

#include "base/clock.h"
#include "config/units.h"

namespace filed {
namespace {

constexpr struct {
  int signo;
  const char* name;
} kSignals[] = {
    {SIGABRT, "aborted"},
    {SIGALRM, "alarm clock"},
    {SIGBUS, "bus error"},
    {SIGCHLD, "child exited"},
    {SIGCONT, "continued"},
    {SIGFPE, "floating point exception"},
    {SIGHUP, "hangup"},
    {SIGILL, "illegal instruction"},
    {SIGINT, "interrupt"},
    {SIGIO, "I/O possible"},
    {SIGKILL, "killed"},
    {SIGPIPE, "broken pipe"},
    {SIGPROF, "profiling timer expired"},
    {SIGPWR, "power failure"},
    {SIGQUIT, "quit"},
    {SIGSEGV, "segmentation fault"},
    {SIGSTOP, "stopped (signal)"},
    {SIGSYS, "bad system call"},
    {SIGTERM, "terminated"},
    {SIGTRAP, "trace/breakpoint trap"},
    {SIGTSTP, "stopped"},
    {SIGTTIN, "stopped (tty input)"},
    {SIGTTOU, "stopped (tty output)"},
    {SIGURG, "urgent I/O condition"},
    {SIGUSR1, "user defined signal 1"},
    {SIGUSR2, "user defined signal 2"},
    {SIGVTALRM, "virtual timer expired"},
    {SIGWINCH, "window changed"},
    {SIGXCPU, "CPU time limit exceeded"},
    {SIGXFSZ, "file size limit exceeded"},
};

std::string gap(const std::string& cause, int64_t missing_bytes) {
  return "\n\n[System Error]: " + cause + ": " + std::to_string(missing_bytes) +
         " bytes left out here\n\n";
}

}  // namespace

std::string log_header(std::string_view text) {
  std::string header = ">>> ";
  header += text;
  if (header.back() != '\n') header += '\n';
  return header;
}

std::string log_trailer(std::string_view cause) {
  if (cause.empty()) return "";
  std::string trailer = "\n\n[System Error]: ";
  trailer += cause;
  trailer += '\n';
  return trailer;
}

std::string log_break(std::string_view cause, int64_t wall_ns) {
  return log_trailer(std::string(cause) + ", " + utc_time(wall_ns));
}

std::string log_gap(int64_t missing_bytes, int64_t output_limit) {
  return gap("output limit " + format_size(output_limit), missing_bytes);
}

std::string log_gap(int64_t missing_bytes) {
  return gap("the owner has reached user_bytes", missing_bytes);
}

std::string utc_time(int64_t wall_ns) {
  timespec ts = to_timespec(wall_ns);
  struct tm utc {};
  gmtime_r(&ts.tv_sec, &utc);
  char date[64];
  size_t length = strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  char text[80];
  snprintf(text, sizeof text, "%.*s.%03ldZ", static_cast<int>(length), date,
           ts.tv_nsec / static_cast<long>(kNsPerMs));
  return text;
}

std::string wait_status_cause(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "signal: " + signal_name(WTERMSIG(wait_status));
  if (WEXITSTATUS(wait_status) == 0) return "";
  return "exit status " + std::to_string(WEXITSTATUS(wait_status));
}

std::string exit_cause(int wait_status, bool out_of_memory) {
  std::string cause = wait_status_cause(wait_status);
  return out_of_memory && !cause.empty() ? "out of memory" : cause;
}

std::string signal_name(int signo) {
  for (const auto& signal : kSignals) {
    if (signal.signo == signo) return signal.name;
  }
  return "signal " + std::to_string(signo);
}

}  // namespace filed
