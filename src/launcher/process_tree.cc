// How a tree is killed that does not want to die: in rounds. Each round looks at all processes and
// stops (SIGSTOP, which cannot be held off) every one that is meant and was not yet stopped, in the
// order of /proc, parents mostly before children, so that a fork bomb loses members while the round
// still runs. What is stopped cannot fork. When a round finds nobody new and nobody still moving,
// all are killed; one more round then looks for a child that was being born meanwhile. Two or three
// rounds do for an ordinary tree; the number is bounded, and whoever asked may ask again.
//
// A signal goes to a process by its directory in /proc (a pidfd), after a second look at the time
// of its start: between the look and the signal a pid may have got a new owner.
#include "launcher/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"

namespace filed {
namespace {

constexpr int kMaxRounds = 100;
constexpr long kPauseNs = kNsPerMs / 2;      // for a process to come to rest, or out of its exec
constexpr size_t kMaxEnvironment = 1 << 20;  // read at most; the mark is near the start
constexpr size_t kStatSize = 1024;           // longer than any /proc/PID/stat
constexpr int kEnvironmentTries = 20;        // for a process that is just in an exec

constexpr unsigned long kKernelThread = 0x00200000;  // PF_KTHREAD in the flags of stat(5)

void pause_briefly() {
  timespec pause{0, kPauseNs};
  nanosleep(&pause, nullptr);
}

// Reads what is there, at most `size` bytes. Returns the count, 0 on any error.
size_t read_file(int fd, char* buffer, size_t size) {
  size_t got = 0;
  while (got < size) {
    ssize_t n = read(fd, buffer + got, size - got);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  return got;
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
  bool is_kernel = false;
  for (int field = 4; field <= 22; ++field) {
    while (at < last && *at == ' ') ++at;
    long long value = 0;
    auto [next, error] = std::from_chars(at, last, value);
    if (error != std::errc()) return std::nullopt;
    at = next;
    if (field == 4) process.parent = static_cast<pid_t>(value);
    if (field == 5) process.group = static_cast<pid_t>(value);
    if (field == 6) process.session = static_cast<pid_t>(value);
    if (field == 9) is_kernel = (static_cast<unsigned long>(value) & kKernelThread) != 0;
    if (field == 20) threads = static_cast<long>(value);
    if (field == 22) process.start = static_cast<uint64_t>(value);
  }
  if (is_kernel) return std::nullopt;
  // A first thread that has ended looks like a zombie while the others go on.
  process.dead = process.state == 'X' || (process.state == 'Z' && threads <= 1);
  return process;
}

void send_signal(const Process& process, int signal) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", process.pid);
  Fd directory(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return;
  Fd file(openat(directory.get(), "stat", O_RDONLY | O_CLOEXEC));
  char text[kStatSize];
  auto now = parse_stat(process.pid, {text, file ? read_file(file.get(), text, sizeof text) : 0});
  if (!now || now->start != process.start) return;
  // Before Linux 5.1, and under seccomp filters that do not know the call, by number.
  if (syscall(SYS_pidfd_send_signal, directory.get(), signal, nullptr, 0) != 0 && errno != ESRCH &&
      errno != EPERM) {
    kill(process.pid, signal);
  }
}

// Calls `visit` for each process of /proc.
template <typename Visit>
void for_each_process(Visit visit) {
  std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (!proc) return;
  while (dirent* entry = readdir(proc.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (auto process = read_process(static_cast<pid_t>(atol(entry->d_name)))) visit(*process);
  }
}

// Calls `visit` for each living process that is meant. A child is known by a parent that came
// before it, which is the rule; the few that came too early are found in the second part.
template <typename Visit>
void for_each_meant(const ProcessFilter& filter, Descendants descendants,
                    const std::unordered_set<pid_t>& spare, Visit visit) {
  std::unordered_set<pid_t> parents;  // of more that is meant
  std::vector<Process> others;
  auto add = [&](const Process& process) {
    if (descendants == Descendants::kYes) parents.insert(process.pid);
    if (!process.dead) visit(process);
  };
  for_each_process([&](const Process& process) {
    if (spare.count(process.pid) > 0) return;
    if (parents.count(process.parent) > 0 || filter(process)) {
      add(process);
    } else {
      others.push_back(process);
    }
  });
  for (bool found = !parents.empty(); found;) {
    auto late = std::partition(others.begin(), others.end(), [&](const Process& process) {
      return parents.count(process.parent) == 0;
    });
    found = late != others.end();
    std::for_each(late, others.end(), add);
    others.erase(late, others.end());
  }
}

std::unordered_set<pid_t> spared(const std::vector<pid_t>& spare) {
  std::unordered_set<pid_t> set(spare.begin(), spare.end());
  set.insert(1);
  set.insert(getpid());
  return set;
}

}  // namespace

std::optional<Process> read_process(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  Fd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  char text[kStatSize];
  return parse_stat(pid, {text, read_file(file.get(), text, sizeof text)});
}

std::vector<Process> read_processes() {
  std::vector<Process> processes;
  for_each_process([&](const Process& process) { processes.push_back(process); });
  return processes;
}

std::optional<AttemptId> marked_run(pid_t pid, std::string_view token) {
  if (token.empty()) return std::nullopt;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  std::vector<char> buffer(16 * 1024);
  Fd file;
  size_t size = 0;
  // For the length of an exec a process seems to have no environment. Those of which that stays
  // true are few.
  for (int i = 0; size == 0 && i < kEnvironmentTries; ++i) {
    if (i > 0) pause_briefly();
    file.reset(open(path, O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    size = read_file(file.get(), buffer.data(), buffer.size());
    if (size == 0) {
      auto process = read_process(pid);
      if (!process || process->dead) return std::nullopt;
    }
  }
  while (size == buffer.size() && size < kMaxEnvironment) {
    buffer.resize(2 * size);
    size += read_file(file.get(), buffer.data() + size, size);
  }
  std::string_view rest(buffer.data(), size);
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
    AttemptId run = 0;
    auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), run);
    if (error == std::errc() && end == entry.data() + entry.size()) return run;
  }
  return std::nullopt;
}

int signal_processes(const ProcessFilter& filter, Descendants descendants,
                     std::initializer_list<int> signals) {
  int count = 0;
  for_each_meant(filter, descendants, spared({}), [&](const Process& process) {
    for (int signal : signals) send_signal(process, signal);
    ++count;
  });
  return count;
}

KillResult kill_processes(const ProcessFilter& filter, Descendants descendants,
                          const std::vector<pid_t>& spare) {
  std::unordered_set<pid_t> kept = spared(spare);
  struct Victim {
    Process process;
    bool killed = false;
  };
  std::unordered_map<pid_t, Victim> victims;
  // Who was found once stays meant, even when the parent dies to whom that was due.
  auto meant = [&](const Process& process) {
    auto victim = victims.find(process.pid);
    if (victim != victims.end() && victim->second.process.start == process.start) return true;
    return filter(process);
  };
  KillResult result;
  for (int round = 0; round < kMaxRounds; ++round) {
    bool fresh = false;   // somebody was found and stopped in this round
    bool moving = false;  // somebody was told to stop, and has not stopped yet
    bool left = false;    // somebody is still to be killed
    for_each_meant(meant, descendants, kept, [&](const Process& process) {
      Victim& victim = victims[process.pid];
      if (victim.process.start != process.start || victim.process.pid == 0) {
        victim = {process};
        send_signal(process, SIGSTOP);
        fresh = true;
      } else if (!victim.killed && process.state != 'T' && process.state != 't' &&
                 process.state != 'D') {
        // 'D' may be a parent in vfork, who waits for a child that we have stopped.
        moving = true;
      }
      if (!victim.killed) left = true;
    });
    if (!left) return result;
    if (fresh) continue;
    if (moving && round < kMaxRounds / 2) {
      pause_briefly();
      continue;
    }
    for (auto& [pid, victim] : victims) {
      if (victim.killed) continue;
      send_signal(victim.process, SIGKILL);
      victim.killed = true;
      ++result.killed;
    }
  }
  for (auto& [pid, victim] : victims) {
    if (victim.killed) continue;
    send_signal(victim.process, SIGKILL);
    ++result.killed;
  }
  result.finished = false;
  return result;
}

ChildList::ChildList() : file_(open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC)) {}

void ChildList::read(std::vector<pid_t>& pids) {
  pids.clear();
  if (!file_) {
    pid_t self = getpid();
    for_each_process([&](const Process& process) {
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
