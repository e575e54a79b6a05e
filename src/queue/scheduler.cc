#include "queue/scheduler.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"

namespace filed {
namespace {

// Removals of one turn, so that a turn stays short.
constexpr int kMaxExpired = 64;

}  // namespace

void Scheduler::run() {
  int64_t now = core_.clock.wall_ns();
  core_.agenda.rescan_needed = false;
  core_.agenda.next_wall_ns.reset();
  clock_steps_.look(core_.clock);
  const QueueSettings& settings = core_.settings();
  bool starts = !core_.agenda.stopping && !settings.pause;
  int64_t free = starts ? settings.workers - attempts_.busy_workers() : 0;
  if (free > 0) claim_due(now, free);
  if (core_.store.failed() != 0) return;
  expire(Dir::kComplete, settings.keep_complete_ms, now);
  expire(Dir::kFailed, settings.keep_failed_ms, now);
}

void Scheduler::claim_due(int64_t now_ns, int64_t free_workers) {
  std::vector<std::pair<Job, std::string>> due;
  int error = core_.store.due(now_ns, [&](const Job& job, std::string_view text) {
    // A job waits while it is open for writing or about to be renamed, and while an earlier attempt
    // of it is still being killed.
    bool blocked = uploads_.blocks(job.ino) || attempts_.has_unfinished(job);
    if (!blocked) due.emplace_back(job, text);
    return static_cast<int64_t>(due.size()) < free_workers;
  });
  if (error != 0) {
    log_error("what is due cannot be read: %s", strerror(error));
    core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
  }
  if (!due.empty()) {
    log_debug("claimed %zu %s, %lld of %d workers were free", due.size(),
              due.size() == 1 ? "job" : "jobs", static_cast<long long>(free_workers),
              core_.settings().workers);
  }
  for (const auto& [job, text] : due) {
    if (attempts_.claim(job, text) != 0) return;
  }
  if (static_cast<int64_t>(due.size()) < free_workers) {
    core_.agenda.next_wall_ns = core_.store.next_due(now_ns);
  }
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
  Job job;
  for (int i = 0; i < kMaxExpired; ++i) {
    if (!core_.store.oldest(dir, &job)) return;
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
