// The end of an attempt: what it means for the job, and how it is stored. The rest of Attempts is in
// attempts.cc.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/log.h"
#include "config/units.h"
#include "queue/attempts.h"
#include "queue/log_text.h"

namespace filed {
namespace {

using Phase = Attempt::Phase;
using Verdict = Attempt::Verdict;
using Tie = Attempt::Tie;

// Time between two tries to start a job of a user at a limit.
constexpr int64_t kOwnerDelayNs = 10 * kNsPerMs;

int64_t backoff_ns(const QueueSettings& settings, int attempts) {
  double ms = static_cast<double>(settings.backoff_ms) *
              std::pow(settings.backoff_factor, static_cast<double>(attempts - 1));
  // Compared before the conversion, because the power may be larger than any integer.
  auto longest = static_cast<double>(settings.backoff_max_ms);
  return static_cast<int64_t>(std::min(ms, longest)) * kNsPerMs;
}

// Why an attempt did not succeed; empty if it did.
std::string cause_of_end(const Attempt& attempt) {
  if (!attempt.exit) {
    return "could not start: " + attempt.failure.step + ": " + strerror(attempt.failure.error);
  }
  if (attempt.verdict == Verdict::kTimedOut) {
    return "timed out after " + format_duration(attempt.terms.timeout_ms);
  }
  return exit_cause(attempt.exit->wait_status, attempt.exit->out_of_memory);
}

std::string seconds(int64_t ns) {
  char text[32];
  snprintf(text, sizeof text, "%.3fs", static_cast<double>(ns) / 1e9);
  return text;
}

}  // namespace

void Attempts::end(Attempt& attempt) {
  if (undying_.erase(attempt.id) > 0) shares_.add_workers(attempt.uid, 1);
  attempt.phase = Phase::kEnded;
}

// Frees the attempt's worker in this turn, so that one commit stores the end of one attempt and the
// claim of the next. Returns false if it was already freed.
bool Attempts::free_worker(Attempt& attempt) {
  if (attempt.phase == Phase::kLeaving) return false;
  attempt.phase = Phase::kLeaving;
  ++leaving_;
  shares_.add_running(attempt.uid, -1);
  charge(attempt, 0);
  core_.turn.on_end([this, id = attempt.id](int) {
    --leaving_;
    Attempt* later = find(id);
    if (later == nullptr) return;
    later->phase = Phase::kEnded;
    shares_.add_running(later->uid, 1);
    charge_log(*later);
  });
  return true;
}

void Attempts::stage_end(Attempt& attempt) {
  if (!free_worker(attempt)) return;
  deadlines_.clear(attempt.id);
  saves_.clear(attempt.id);
  if (attempt.tie != Tie::kAttached) return stage_detached_end(attempt);
  Job job;
  const Transition* row = nullptr;
  int staged = write_end(attempt, row, job);
  core_.turn.on_end([this, id = attempt.id, job, row, staged](int error) {
    if (error == 0) error = staged;
    Attempt* later = find(id);
    if (later == nullptr || later->tie != Tie::kAttached) return;
    if (error != 0) {
      ends_to_retry_.push_back(id);
      core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
      return;
    }
    later->log->saved();
    finish(*later, job, *row);
    forget(id);
    watcher_.tell(*row, job);
  });
}

// The attempt may have been detached in this very turn, and its commit may still fail.
void Attempts::stage_detached_end(Attempt& attempt) {
  int staged = core_.store.remove_kill_pending(static_cast<int64_t>(attempt.id));
  core_.turn.on_end([this, id = attempt.id, staged](int error) {
    if (error != 0 || staged != 0) {
      ends_to_retry_.push_back(id);
    } else {
      forget(id);
    }
  });
}

Event Attempts::event_of_end(const Attempt& attempt, const Job& before,
                             const std::string& cause) const {
  if (attempt.verdict == Verdict::kShutDown) return Event::kShutDown;
  if (!attempt.exit && attempt.failure.fault != Fault::kJob) return Event::kPutOff;
  if (cause.empty()) return Event::kSucceed;
  return before.attempts < attempt.terms.retries ? Event::kRetry : Event::kGiveUp;
}

// Writes the end of the log and the job's new row. `row` is set if the job's row could be read.
int Attempts::write_end(Attempt& attempt, const Transition*& row, Job& job) {
  Job before;
  if (int error = core_.store.get(attempt.ino, before)) return error;
  int64_t now = core_.clock.wall_ns();
  job = before;
  Outcome& outcome = job.outcome;
  outcome.cause = cause_of_end(attempt);
  row = &transition(event_of_end(attempt, before, outcome.cause), before.dir);
  if (row->error != 0) return row->error;
  row->apply(job, now, due_again_ns(attempt, *row, before.attempts + 1));
  bool pauses = row->log == LogChange::kPause;
  // A stop may withdraw the order before the attempt has begun.
  if (row->log == LogChange::kRevert || (pauses && !attempt.exit)) {
    if (int error = revert(attempt, job)) return error;
    return core_.store.update(before, job);
  }
  if (!pauses) {
    outcome.finished_ns = now;
    if (attempt.exit) {
      outcome.wait_status = attempt.exit->wait_status;
      outcome.cpu_us = attempt.exit->cpu_us;
      outcome.maxrss_kb = attempt.exit->maxrss_kb;
    }
  }
  AttemptLog& log = *attempt.log;
  if (int error = core_.store.make_room_for_end(log.bytes_of_end())) return error;
  if (!log.finished()) {
    pauses ? log.pause(log_break(outcome.cause, now)) : log.finish(log_trailer(outcome.cause));
  }
  job.log_size = log.size();
  if (int error = log.save(core_.store, true)) return error;
  if (int error = release_last_log(attempt)) return error;
  return core_.store.update(before, job);
}

// Discards the log of the attempt before this one.
int Attempts::release_last_log(const Attempt& attempt) {
  if (attempt.log == nullptr || attempt.before.log == attempt.log->number()) return 0;
  return open_files_.release_log(attempt.before.log);
}

// The attempt has not begun: its job is as before the claim. A job that has no log yet gets the cause,
// so that its attributes tell why it waits.
int Attempts::revert(const Attempt& attempt, Job& job) {
  std::string cause = std::move(job.outcome.cause);
  job.log = attempt.before.log;
  job.log_size = attempt.before.log_size;
  job.atime_ns = attempt.before.atime_ns;
  job.outcome = attempt.before.outcome;
  if (job.log == 0) job.outcome.cause = std::move(cause);
  return job.log == attempt.log->number() ? 0 : open_files_.keep_log(job.log);
}

// The due time, by the wall clock, of a job that goes back to pending/.
int64_t Attempts::due_again_ns(const Attempt& attempt, const Transition& row, int attempts_made) {
  int64_t now = core_.clock.wall_ns();
  switch (row.mtime) {
    case MtimeChange::kBackoff:
      return now + backoff_ns(core_.settings(), attempts_made);
    case MtimeChange::kDelay:
      return now + next_try_ns(attempt) - core_.clock.mono_ns();
    default:
      return now;
  }
}

// When a job that could not start is tried again, by the monotonic clock. The jobs of an owner who
// has reached a limit get different times, so that they do not hold up the jobs of others.
int64_t Attempts::next_try_ns(const Attempt& attempt) {
  int64_t now = core_.clock.mono_ns();
  int64_t at = now + kRetryDelayNs;
  if (attempt.failure.fault == Fault::kOwner) {
    int64_t& last = next_try_ns_[attempt.uid];
    at = last = std::max(at, last + kOwnerDelayNs);
  }
  return at;
}

// The end is committed.
void Attempts::finish(const Attempt& attempt, const Job& job, const Transition& row) {
  if (row.counter != nullptr) ++(totals_.*row.counter);
  if (core_.owner_log.admits(attempt.uid)) log_end(attempt, job, row);
  if (row.hook && !core_.agenda.stopping) hooks_.job_ended(job);
}

void Attempts::log_end(const Attempt& attempt, const Job& job, const Transition& row) const {
  int64_t took_ns = core_.clock.mono_ns() - attempt.started_mono_ns;
  log_info("job %s: attempt %d of owner %u took %s, %s", escaped(job.id).c_str(), attempt.number,
           static_cast<unsigned>(attempt.uid), seconds(took_ns).c_str(), row.describe(job).c_str());
}

}  // namespace filed
