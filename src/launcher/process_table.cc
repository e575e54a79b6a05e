// A signal goes to a process by a pidfd, for which its opened directory in /proc serves. Its start
// time is read again after that directory was opened, because another process may have got its pid
// between the look and the signal.
#include "launcher/process_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "base/clock.h"
#include "base/files.h"

namespace filed {
namespace {

constexpr long kPauseNs = kNsPerMs / 2;      // for a process to come to rest, or out of its exec
constexpr size_t kMaxEnvironment = 1 << 20;  // read at most; the mark is near the start
constexpr size_t kStatSize = 1024;           // longer than any /proc/PID/stat
constexpr int kEnvironmentTries = 20;        // for a process that is just in an exec

// In the flags of stat(5): PF_KTHREAD and PF_EXITING.
constexpr unsigned long kKernelThread = 0x00200000;
constexpr unsigned long kExiting = 0x00000004;

// What is there, at most `size` bytes. Returns the count, 0 on any error.
size_t read_some(int fd, char* buffer, size_t size) {
  ssize_t count = read_up_to(fd, buffer, size);
  return count < 0 ? 0 : static_cast<size_t>(count);
}

// The fields of stat(5) that we use, counted as there: pid is 1. Nothing for threads of the kernel.
std::optional<Process> parse_stat(pid_t pid, std::string_view text) {
  // The name, field 2, may contain anything, ") " too: it ends at the last one.
  size_t end = text.rfind(") ");
  if (end == std::string_view::npos || end + 2 >= text.size()) return std::nullopt;
  Process process;
  process.pid = pid;
  process.state = text[end + 2];
  const char* at = text.data() + end + 3;
  const char* last = text.data() + text.size();
  long threads = 0;
  unsigned long flags = 0;
  for (int field = 4; field <= 22; ++field) {
    while (at < last && *at == ' ') ++at;
    long long value = 0;
    auto [next, error] = std::from_chars(at, last, value);
    if (error != std::errc()) return std::nullopt;
    at = next;
    if (field == 4) process.parent = static_cast<pid_t>(value);
    if (field == 5) process.group = static_cast<pid_t>(value);
    if (field == 6) process.session = static_cast<pid_t>(value);
    if (field == 9) flags = static_cast<unsigned long>(value);
    if (field == 20) threads = static_cast<long>(value);
    if (field == 22) process.start = static_cast<uint64_t>(value);
  }
  if ((flags & kKernelThread) != 0) return std::nullopt;
  process.exiting = (flags & kExiting) != 0;
  // A first thread that has ended looks like a zombie while the others go on.
  process.dead = process.state == 'X' || (process.state == 'Z' && threads <= 1);
  return process;
}

// The attempt in an environment, if an entry is the mark with this token.
std::optional<AttemptId> find_mark(std::string_view environment, std::string_view token) {
  std::string_view rest = environment;
  while (!rest.empty()) {
    std::string_view entry = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    if (entry.size() <= kRunVariable.size() + 1 + token.size() + 1) continue;
    if (entry.substr(0, kRunVariable.size()) != kRunVariable) continue;
    entry.remove_prefix(kRunVariable.size());
    if (entry[0] != '=' || entry.substr(1, token.size()) != token) continue;
    entry.remove_prefix(1 + token.size());
    if (entry[0] != '.') continue;
    entry.remove_prefix(1);
    AttemptId attempt = 0;
    auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), attempt);
    if (error == std::errc() && end == entry.data() + entry.size()) return attempt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Process> LinuxProcesses::read(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  Fd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  char text[kStatSize];
  return parse_stat(pid, {text, read_some(file.get(), text, sizeof text)});
}

void LinuxProcesses::for_each(const std::function<void(const Process&)>& visit) {
  std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (!proc) return;
  while (dirent* entry = readdir(proc.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (auto process = read(static_cast<pid_t>(atol(entry->d_name)))) visit(*process);
  }
}

std::optional<AttemptId> LinuxProcesses::marked_attempt(pid_t pid, std::string_view token) {
  if (token.empty()) return std::nullopt;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  std::vector<char> buffer(16 * 1024);
  Fd file;
  size_t size = 0;
  // During an exec a process seems to have no environment. Few processes really have none.
  for (int i = 0; size == 0 && i < kEnvironmentTries; ++i) {
    if (i > 0) pause();
    file.reset(open(path, O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    size = read_some(file.get(), buffer.data(), buffer.size());
    if (size == 0) {
      auto process = read(pid);
      if (!process || process->dead) return std::nullopt;
    }
  }
  while (size == buffer.size() && size < kMaxEnvironment) {
    buffer.resize(2 * size);
    size += read_some(file.get(), buffer.data() + size, size);
  }
  return find_mark({buffer.data(), size}, token);
}

void LinuxProcesses::signal(const Process& process, int signal) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", process.pid);
  Fd directory(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return;
  Fd file(openat(directory.get(), "stat", O_RDONLY | O_CLOEXEC));
  char text[kStatSize];
  auto now = parse_stat(process.pid, {text, file ? read_some(file.get(), text, sizeof text) : 0});
  if (!now || now->start != process.start) return;
  // Before Linux 5.1, and under seccomp filters that do not know the call, by number.
  if (syscall(SYS_pidfd_send_signal, directory.get(), signal, nullptr, 0) != 0 && errno != ESRCH &&
      errno != EPERM) {
    ::kill(process.pid, signal);
  }
}

void LinuxProcesses::pause() {
  timespec pause{0, kPauseNs};
  nanosleep(&pause, nullptr);
}

pid_t LinuxProcesses::self() { return getpid(); }

ChildList::ChildList() : file_(open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC)) {}

void ChildList::read(std::vector<pid_t>& pids) {
  pids.clear();
  if (!file_) {
    pid_t self = getpid();
    LinuxProcesses().for_each([&](const Process& process) {
      if (process.parent == self) pids.push_back(process.pid);
    });
    return;
  }
  // The kernel hands out a page at a time, filled but for less than one entry: a read that is
  // clearly shorter was the last.
  constexpr size_t kPage = 4096;
  constexpr size_t kEntry = 16;
  size_t size = 0;
  for (;;) {
    if (text_.size() < size + kPage) text_.resize(size + 2 * kPage);
    ssize_t n =
        pread(file_.get(), text_.data() + size, text_.size() - size, static_cast<off_t>(size));
    if (n <= 0) break;
    size += static_cast<size_t>(n);
    if (static_cast<size_t>(n) < kPage - kEntry) break;
  }
  const char* at = text_.data();
  const char* end = at + size;
  while (at < end) {
    pid_t pid = 0;
    auto [next, error] = std::from_chars(at, end, pid);
    if (error != std::errc()) break;
    pids.push_back(pid);
    at = next + 1;
  }
}

}  // namespace filed
