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

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "launcher/marks.h"
#include "queue/recovery.h"

namespace filed {
namespace {

// How many times to look whether something is left, and the pause between.
constexpr int kMaxLooks = 500;
constexpr useconds_t kPauseUs = 10'000;

void tell(int processes) {
  log_warning("killed %d processes of attempts that a crash had left", processes);
}

// Looks again until all processes have ended, and the launcher if it is to be waited for.
Leftovers wait_for_groups(const CgroupSystem& system, const std::string& place,
                          bool with_launcher) {
  using State = Leftovers::State;
  Leftovers left = kill_crash_leftovers(system, place);
  auto is_unfinished = [&] {
    return left.state == State::kDying || (with_launcher && left.state == State::kLocked);
  };
  bool told = false;
  for (int i = 0; i < kMaxLooks && is_unfinished(); ++i) {
    if (left.state == State::kDying && !std::exchange(told, true)) tell(left.processes);
    usleep(kPauseUs);
    left = kill_crash_leftovers(system, place);
  }
  return left;
}

// `own`: the record is of this very state file. Returns whether it can be forgotten.
bool end_groups(const CgroupSystem& system, const std::string& place, bool own) {
  using State = Leftovers::State;
  Leftovers left = wait_for_groups(system, place, own);
  if (own && left.state == State::kLocked) {
    log_warning("the launcher of an earlier start does not end: it is killed");
    kill_locker(system, place);
    left = wait_for_groups(system, place, own);
  }
  switch (left.state) {
    case State::kDying:
      log_error("%s: %d processes that a crash had left do not die", escaped(place).c_str(),
                left.processes);
      return false;
    case State::kLocked:
      if (own) {
        log_error("%s: the launcher of an earlier start does not die", escaped(place).c_str());
        return false;
      }
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

void end_marked(const std::string& token, const std::vector<AttemptId>& attempts) {
  int found = attempts.empty() ? 0 : kill_marked(token, attempts);
  if (found == 0) return;
  tell(found);
  for (int i = 0; i < kMaxLooks && kill_marked(token, attempts) > 0; ++i) usleep(kPauseUs);
}

}  // namespace

std::string random_token() {
  uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number) throw_errno("getrandom");
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

void end_leftovers(Store& store, const CgroupSystem& system, const std::string& token,
                   const CgroupTree& tree) {
  struct stat st {};
  if (stat(store.path().c_str(), &st) != 0) throw_errno(store.path());
  LauncherRecord own{token, tree.place(), static_cast<int64_t>(st.st_dev),
                     static_cast<int64_t>(st.st_ino)};
  std::vector<AttemptId> attempts = interrupted_attempts(store);
  for (const LauncherRecord& record : store.launchers()) {
    bool is_own = record.device == own.device && record.inode == own.inode;
    if (!record.place.empty()) {
      if (!end_groups(system, record.place, is_own)) continue;
    } else if (is_own) {
      end_marked(record.token, attempts);
    } else if (!attempts.empty()) {
      log_warning(
          "this state is a copy: processes that the other one's jobs have left are not "
          "looked for");
    }
    if (int error = store.remove_launcher(record.token)) throw_errno(store.path(), error);
  }
  if (int error = store.add_launcher(own)) throw_errno(store.path(), error);
}

}  // namespace filed
