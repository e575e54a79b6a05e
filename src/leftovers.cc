// A start must tell what a crash has left from what belongs to another filed. The state may be a
// copy, or be restored from a backup, or stand at the same path in a container. This is how:
//
// Each start takes a random token and records it in the state. So a token that is found there is of
// this state's earlier start, or of the state that this one was copied from.
//
// The record says which file it was written for, by device and inode. This process holds the lock
// on the state file, so no other filed serves this file. A copy is another file.
//
// With cgroups: a launcher holds a lock on the directory of its groups as long as it lives. If the
// record is of a copy, nothing is killed where that is locked. If it is of this very file, the
// launcher is one that has lost its filed: it is about to end its jobs and itself, and is waited
// for.
//
// Without cgroups: the record of a copy is not trusted.
#include "leftovers.h"

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "launcher/marks.h"
#include "launcher/process_table.h"
#include "queue/recovery.h"

namespace filed {
namespace {

constexpr useconds_t kPauseUs = 10'000;
// How many times to look whether something is left: of processes that got SIGKILL, and of a launcher.
constexpr int kMaxLooks = 100;
constexpr int kMaxLauncherLooks = 500;

using ProcessList = std::vector<AttemptProcess>;

void tell(size_t processes) {
  log_warning("killed %zu processes of attempts that a crash had left", processes);
}

// Adds those of `left` that live. They are looked for once more, because until one was opened,
// its number could have become another process's.
void add_undying(const ProcessList& left, const std::function<ProcessList()>& look,
                 std::vector<UndyingProcess>& undying) {
  LinuxProcesses table;
  std::vector<UndyingProcess> opened;
  for (const AttemptProcess& process : left) {
    Fd fd = open_process(process.pid);
    auto now = table.read(process.pid);
    opened.push_back({process.attempt, process.pid, now ? now->state : '?', std::move(fd)});
  }
  ProcessList still = look();
  for (UndyingProcess& process : opened) {
    AttemptProcess name{process.attempt, process.pid};
    if (std::ranges::find(still, name) != still.end()) undying.push_back(std::move(process));
  }
}

// Looks again until all processes have ended.
Leftovers kill_groups(const CgroupSystem& system, const std::string& place, LockedTree locked) {
  using State = Leftovers::State;
  Leftovers left = kill_crash_leftovers(system, place, locked);
  if (left.state == State::kDying) tell(left.processes.size());
  for (int i = 0; i < kMaxLooks && left.state == State::kDying; ++i) {
    usleep(kPauseUs);
    left = kill_crash_leftovers(system, place, locked);
  }
  return left;
}

// The same, when the launcher has ended.
Leftovers wait_for_launcher(const CgroupSystem& system, const std::string& place, int looks) {
  Leftovers left = kill_groups(system, place, LockedTree::kSpare);
  for (int i = 0; i < looks && left.state == Leftovers::State::kLocked; ++i) {
    usleep(kPauseUs);
    left = kill_groups(system, place, LockedTree::kSpare);
  }
  return left;
}

// The same for a launcher that has lost its filed, and is about to end by itself.
Leftovers kill_own_groups(const CgroupSystem& system, const std::string& place) {
  using State = Leftovers::State;
  Leftovers left = wait_for_launcher(system, place, kMaxLauncherLooks);
  if (left.state != State::kLocked) return left;
  log_warning("the launcher of an earlier start does not end: it is killed");
  kill_locker(system, place);
  left = wait_for_launcher(system, place, kMaxLooks);
  if (left.state != State::kLocked) return left;
  log_error("%s: the launcher of an earlier start does not die", escaped(place).c_str());
  // It starts nothing any more.
  return kill_groups(system, place, LockedTree::kKill);
}

// `own`: the record is of this very state file. Returns whether it can be forgotten.
bool end_groups(const CgroupSystem& system, const std::string& place, bool own,
                std::vector<UndyingProcess>& undying) {
  using State = Leftovers::State;
  Leftovers left =
      own ? kill_own_groups(system, place) : kill_groups(system, place, LockedTree::kSpare);
  switch (left.state) {
    case State::kDying: {
      log_error("%s: %zu processes that a crash had left do not die", escaped(place).c_str(),
                left.processes.size());
      auto locked = own ? LockedTree::kKill : LockedTree::kSpare;
      auto look = [&] { return kill_crash_leftovers(system, place, locked).processes; };
      add_undying(left.processes, look, undying);
      return false;
    }
    case State::kLocked:
      log_warning("%s belongs to another filed, which runs: was this state copied from it?",
                  escaped(place).c_str());
      return true;
    case State::kUnknown:
      log_warning("%s: cannot look for processes that a crash may have left",
                  escaped(place).c_str());
      return false;
    case State::kKept:
      return false;
    case State::kNone:
      break;
  }
  return true;
}

// Returns whether the record of the launcher with that token can be forgotten.
bool end_marked(const std::string& token, const std::vector<AttemptId>& attempts,
                std::vector<UndyingProcess>& undying) {
  int found = attempts.empty() ? 0 : kill_marked(token, attempts);
  if (found == 0) return true;
  tell(static_cast<size_t>(found));
  for (int i = 0; i < kMaxLooks && found > 0; ++i) {
    usleep(kPauseUs);
    found = kill_marked(token, attempts);
  }
  if (found == 0) return true;
  log_error("%d processes that a crash had left do not die", found);
  auto look = [&] { return find_marked(token, attempts); };
  add_undying(look(), look, undying);
  return false;
}

}  // namespace

std::string random_token() {
  uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number) throw_errno("getrandom");
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

std::vector<UndyingProcess> end_leftovers(Store& store, const CgroupSystem& system,
                                          const std::string& token, const CgroupTree& tree) {
  struct stat st {};
  if (stat(store.path().c_str(), &st) != 0) throw_errno(store.path());
  LauncherRecord own{token, tree.place(), static_cast<int64_t>(st.st_dev),
                     static_cast<int64_t>(st.st_ino)};
  std::vector<UndyingProcess> undying;
  std::vector<AttemptId> attempts = interrupted_attempts(store);
  for (const LauncherRecord& record : store.launchers()) {
    bool is_own = record.device == own.device && record.inode == own.inode;
    if (!record.place.empty()) {
      if (!end_groups(system, record.place, is_own, undying)) continue;
    } else if (is_own) {
      if (!end_marked(record.token, attempts, undying)) continue;
    } else if (!attempts.empty()) {
      log_warning(
          "this state is a copy: processes that the other one's jobs have left are not "
          "looked for");
    }
    if (int error = store.remove_launcher(record.token)) throw_errno(store.path(), error);
  }
  if (int error = store.add_launcher(own)) throw_errno(store.path(), error);
  return undying;
}

void watch_undying(EventLoop& loop, std::vector<UndyingProcess>& processes,
                   const std::function<void(AttemptId)>& on_end) {
  for (const UndyingProcess& process : processes) {
    int fd = process.process.get();
    if (fd < 0) continue;
    loop.add(fd, EPOLLIN, [&loop, &processes, on_end, fd, attempt = process.attempt](uint32_t) {
      loop.remove(fd);
      std::erase_if(processes, [fd](const auto& other) { return other.process.get() == fd; });
      auto is_same = [attempt](const auto& other) { return other.attempt == attempt; };
      if (std::ranges::none_of(processes, is_same)) on_end(attempt);
    });
  }
}

}  // namespace filed
