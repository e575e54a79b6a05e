#include "queue/scheduler.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace filed {
namespace {

// Removals of one turn, so that a turn stays short.
constexpr int kMaxExpired = 64;
// A look at an owner's jobs ends when it has passed over so many, or so many bytes of text.
constexpr size_t kMaxPassed = 64;
constexpr int64_t kMaxPassedBytes = 1 << 20;
// It parks them if they are more than these.
constexpr size_t kFewPassed = 16;
constexpr int64_t kFewPassedBytes = 64 << 10;

}  // namespace

void Scheduler::run() {
  int64_t now = core_.clock.wall_ns();
  core_.agenda.rescan_needed = false;
  core_.agenda.next_wall_ns.reset();
  clock_steps_.look(core_.clock);
  const QueueSettings& settings = core_.settings();
  shares_.set_limit(settings.user_workers);
  if (!begin()) return;
  note_changes();
  unblock();
  due_owners_.take_due(now);
  bool starts = !core_.agenda.stopping && !settings.pause;
  int64_t free = starts ? settings.workers - attempts_.busy_workers() : 0;
  if (free > 0) claim_due(now, free);
  look_for_sole_holder(now);
  core_.agenda.next_wall_ns = due_owners_.next_ns();
  if (core_.store.failed() != 0) return;
  expire(Dir::kComplete, settings.keep_complete_ms, now);
  expire(Dir::kFailed, settings.keep_failed_ms, now);
}

// Reads the owners, once. Returns false if that failed.
bool Scheduler::begin() {
  bool counts = !waiting_count_.begun() && !core_.store.lacks_claimable();
  if (begun_ && !counts) return true;
  std::vector<uid_t> owners;
  int error = core_.store.claimable_owners(owners);
  if (error == 0 && !begun_) error = due_owners_.begin(core_.store, owners);
  if (error != 0) {
    log_error("what is due cannot be read: %s", strerror(error));
    core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
    return false;
  }
  begun_ = true;
  if (counts) waiting_count_.begin(owners, core_.clock.wall_ns());
  return true;
}

void Scheduler::note_changes() {
  std::vector<Store::ClaimableChange> changes = core_.store.take_claimable_changes();
  if (changes.empty()) return;
  due_owners_.note(changes);
  core_.turn.on_end([this, changes = std::move(changes)](int error) {
    if (error == 0) {
      waiting_count_.note(changes, core_.clock.wall_ns());
    } else {
      due_owners_.note_rollback(changes);
    }
  });
}

void Scheduler::after_commit() {
  if (core_.turn.changed()) return;
  if (waiting_count_.advance(core_.store, core_.clock.wall_ns())) {
    core_.agenda.rescan_needed = true;
  }
  core_.agenda.next_wall_ns = earlier(core_.agenda.next_wall_ns, waiting_count_.next_ns());
}

// Jobs that were passed over and are not blocked any more.
void Scheduler::unblock() {
  std::vector<int64_t> unblocked = std::exchange(core_.agenda.unblocked, {});
  std::vector<std::string> ids = std::exchange(core_.agenda.unblocked_ids, {});
  for (uid_t uid : std::exchange(look_later_, {})) due_owners_.look_again(uid);
  if (!due_owners_.has_blocked()) return;
  for (const std::string& id : ids) {
    if (auto ino = due_owners_.blocked_by_id(id)) unblocked.push_back(*ino);
  }
  for (int64_t ino : unblocked) {
    Job before;
    if (!due_owners_.unblock(ino) || core_.store.get(ino, before) != 0 || !before.parked) continue;
    core_.turn.on_rollback([this, before] {
      due_owners_.block(before, true);
      core_.agenda.unblocked.push_back(before.ino);
    });
    Job job = before;
    job.parked = false;
    if (core_.store.update(before, job) != 0) return;
  }
  note_changes();
}

bool Scheduler::is_blocked(const Job& job) const {
  return uploads_.blocks(job.ino) || attempts_.has_unfinished(job);
}

void Scheduler::claim_due(int64_t now_ns, int64_t free_workers) {
  int64_t busy = attempts_.busy_workers();
  int64_t most = busy + free_workers;
  while (attempts_.busy_workers() < most) {
    if (auto urgent = due_owners_.take_urgent()) {
      if (!claim_of(urgent->uid, now_ns, urgent->mtime_ns)) return;
      continue;
    }
    std::optional<uid_t> uid = shares_.next();
    if (!uid) break;
    if (!claim_of(*uid, now_ns, std::nullopt)) return;
  }
  note_changes();
  if (int64_t claimed = attempts_.busy_workers() - busy; claimed > 0) {
    log_debug("claimed %lld %s, %lld of %d workers were free", static_cast<long long>(claimed),
              claimed == 1 ? "job" : "jobs", static_cast<long long>(free_workers),
              core_.settings().workers);
  }
}

// Finds the owner's first job. If there is none that may run, it is not the owner's turn any more.
// Returns false after an error.
bool Scheduler::find_job(uid_t uid, int64_t now_ns, Look& look) {
  if (int error = look_at(uid, now_ns, look)) {
    log_error("what is due cannot be read: %s", strerror(error));
    core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
    return false;
  }
  if (!pass_over(look)) return false;
  if (look.job) return true;
  due_owners_.set_next(uid, look.next_ns);
  if (!look.whole) {
    look_later_.push_back(uid);
    core_.agenda.rescan_needed = true;
  }
  return true;
}

// Claims the owner's first job. `urgent_ns`: claims it only if it is the job that root has put before
// all others, by this time. Returns false after an error.
bool Scheduler::claim_of(uid_t uid, int64_t now_ns, std::optional<int64_t> urgent_ns) {
  Look look;
  if (!find_job(uid, now_ns, look)) return false;
  if (!look.job) return true;
  int64_t mtime_ns = look.job->mtime_ns;
  // The owner may have more of them, at this time or later.
  if (urgent_ns && mtime_ns < 0) due_owners_.add_urgent(uid, mtime_ns);
  if (urgent_ns && mtime_ns > *urgent_ns) return true;
  return attempts_.claim(*look.job, look.text) == 0;
}

void Scheduler::look_for_sole_holder(int64_t now_ns) {
  const QueueSettings& settings = core_.settings();
  bool full = settings.workers > 0 && attempts_.busy_workers() >= settings.workers;
  bool starts = !core_.agenda.stopping && !settings.pause;
  std::optional<uid_t> holder = full && starts ? shares_.sole_holder() : std::nullopt;
  if (holder && !shares_.next_but(*holder)) holder.reset();
  sole_holder_.look(holder, core_.clock.mono_ns(), [&] { return others_wait(*holder, now_ns); });
}

// An owner that seems to have a job may have none any more, or only such that are blocked.
bool Scheduler::others_wait(uid_t holder, int64_t now_ns) {
  while (std::optional<uid_t> uid = shares_.next_but(holder)) {
    Look look;
    if (!find_job(*uid, now_ns, look)) return false;
    if (look.job) return true;
  }
  return false;
}

void Scheduler::run_deadlines(int64_t now_ns) {
  if (reached(sole_holder_.next_look_ns(), now_ns)) core_.agenda.rescan_needed = true;
}

int Scheduler::look_at(uid_t uid, int64_t now_ns, Look& look) const {
  return core_.store.claimable(uid, [&](const Job& job, std::string_view text) {
    if (job.mtime_ns > now_ns) {
      look.next_ns = job.mtime_ns;
      return false;
    }
    if (!is_blocked(job)) {
      look.job = job;
      look.text = text;
      return false;
    }
    look.passed.push_back(job);
    look.passed_bytes += job.text_size;
    look.whole = look.passed.size() < kMaxPassed && look.passed_bytes < kMaxPassedBytes;
    return look.whole;
  });
}

// Remembers the jobs that were passed over, and parks them if they are many. Returns false after an
// error.
bool Scheduler::pass_over(const Look& look) {
  bool parks = look.passed.size() > kFewPassed || look.passed_bytes > kFewPassedBytes;
  for (const Job& before : look.passed) {
    due_owners_.block(before, parks);
    if (!parks) continue;
    Job job = before;
    job.parked = true;
    if (core_.store.update(before, job) != 0) return false;
  }
  return true;
}

// Wall time.
int64_t Scheduler::expires_ns(const Job& job, int64_t keep_ms) const {
  int64_t expires = 0;
  bool never = __builtin_add_overflow(job.mtime_ns, keep_ms * kNsPerMs, &expires) ||
               __builtin_add_overflow(expires, clock_steps_.since(job.mtime_ns), &expires);
  return never ? INT64_MAX : expires;
}

// Removes jobs that ended `keep_ms` ago; 0 keeps them. `now_ns` is wall time.
void Scheduler::expire(Dir dir, int64_t keep_ms, int64_t now_ns) {
  if (keep_ms == 0) return;
  std::optional<Job> oldest;
  for (int i = 0; i < kMaxExpired; ++i) {
    if (core_.store.is_crowded()) break;
    if (core_.store.oldest(dir, oldest) != 0) {
      core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
      return;
    }
    if (!oldest) return;
    const Job& job = *oldest;
    int64_t expires = expires_ns(job, keep_ms);
    if (expires > now_ns) {
      core_.agenda.next_wall_ns = earlier(core_.agenda.next_wall_ns, expires);
      return;
    }
    if (moves_.expire(job) != 0) return;
    core_.turn.on_end([this, dir, job](int error) {
      if (error == 0) watcher_.tell(transition(Event::kExpire, dir), job);
    });
  }
  core_.agenda.rescan_needed = true;  // there may be more, for the next turn
}

}  // namespace filed
