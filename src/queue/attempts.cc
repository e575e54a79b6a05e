// How jobs run: the claim, the attempt and its end.
//
// An attempt's end is staged by settle() and forgotten when that is committed. claim_due() takes as
// many jobs as there are free workers, in the order of their due times, and stages them as active;
// when that is committed, the launcher gets them. A worker is free when the end of what it ran is
// staged: one commit does for the end and for the next claim. What cannot be committed, on a full
// disk say, stays in memory and is tried again after kRetryDelay: an attempt that has ended is
// never run again because of it, short of a crash.
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/log.h"
#include "config/units.h"
#include "queue/log_text.h"
#include "queue/queue.h"

namespace filed {
namespace {

constexpr int64_t kRetryDelayNs = kNsPerSec;
// An owner at his limit with a long backlog has this much between his next tries.
constexpr int64_t kPutBackSpaceNs = 10 * kNsPerMs;
// Output is written to the store in whole chunks, and what is left at the latest so long after it
// came.
constexpr int64_t kSaveDelayNs = kNsPerSec;
// An attempt whose output the store does not take fast enough is not read beyond this.
constexpr int64_t kMostHeld = 1 << 20;
constexpr int kExpiredAtOnce = 64;
// A group that gives no rights: who is no member of it, as hardly anyone is, gets his primary
// group.
constexpr gid_t kNoGroup = 65534;

bool reached(int64_t deadline_ns, int64_t now_ns) {
  return deadline_ns >= 0 && deadline_ns <= now_ns;
}

void earlier(int64_t& deadline_ns, int64_t other_ns) {
  if (other_ns >= 0 && (deadline_ns < 0 || other_ns < deadline_ns)) deadline_ns = other_ns;
}

int64_t backoff_ns(const QueueSettings& settings, int attempts) {
  double ms = static_cast<double>(settings.backoff_ms) *
              std::pow(settings.backoff_factor, static_cast<double>(attempts - 1));
  // The comparison is made before the conversion: the power may be larger than any integer.
  auto longest = static_cast<double>(settings.backoff_max_ms);
  return static_cast<int64_t>(std::min(ms, longest)) * kNsPerMs;
}

std::string seconds(int64_t ns) {
  char text[32];
  snprintf(text, sizeof text, "%.3fs", static_cast<double>(ns) / 1e9);
  return text;
}

}  // namespace

// --- claims

void Queue::claim_due() {
  int64_t now = clock_.wall_ns();
  look_for_due_ = false;
  next_wall_ns_ = -1;
  int64_t busy = static_cast<int64_t>(runs_.size()) - leaving_;
  int64_t free = stopping_ ? 0 : int64_t{settings().workers} - busy;
  if (free > 0) {
    std::vector<std::pair<Job, std::string>> due;
    int error = store_.due(now, [&](const Job& job, std::string_view text) {
      // A job that is still being written, or is about to be renamed, or of which an earlier
      // attempt is still dying, has to wait.
      if (upload_of(job.ino) == nullptr && !settling_.contains(job.ino) &&
          !running_of_.contains(job.ino)) {
        due.emplace_back(job, text);
      }
      return static_cast<int64_t>(due.size()) < free;
    });
    if (error != 0) log_error("what is due cannot be read: %s", strerror(error));
    if (error != 0) retry_ns_ = clock_.mono_ns() + kRetryDelayNs;
    if (!due.empty()) {
      log_debug("%zu jobs are claimed; of %d workers %lld were free", due.size(),
                settings().workers, static_cast<long long>(free));
    }
    for (const auto& [job, text] : due) {
      if (claim(job, text) != 0) return;
    }
    if (static_cast<int64_t>(due.size()) < free) next_wall_ns_ = store_.next_due(now).value_or(-1);
  }
  expire(Dir::kComplete, settings().keep_complete_ms, now);
  expire(Dir::kFailed, settings().keep_failed_ms, now);
}

int Queue::claim(const Job& before, std::string_view text) {
  int64_t now = clock_.wall_ns();
  Job job = before;
  job.dir = Dir::kActive;
  job.atime_ns = job.ctime_ns = now;
  job.log = store_.next_sequence_number();
  job.log_size = 0;
  job.outcome = {};
  job.outcome.started_ns = now;
  if (int error = discard_log(before)) return error;
  if (int error = store_.update(before, job)) return error;

  // The log's number names the attempt, too: it stands in the row, so that the next start can find
  // the processes that a crash has left.
  auto id = static_cast<AttemptId>(job.log);
  Run& run = runs_[id];
  run.id = id;
  run.ino = job.ino;
  run.job_id = job.id;
  run.uid = job.uid;
  run.number = job.attempts + 1;
  run.log = std::make_shared<AttemptLog>(job.log, settings().output_limit, log_header(text));
  run.started_mono_ns = clock_.mono_ns();
  run.last_output_ns = now;
  run.timeout_ms = settings().timeout_ms;
  attached_[job.ino] = id;
  ++running_of_[job.ino];
  turn_.on_rollback([this, id] { forget(id); });

  StartRequest request;
  request.attempt = id;
  request.id = job.id;
  request.text = text;
  request.shell = settings().shell;
  request.uid = job.uid;
  request.gid = job.mode & kGroupOfDirectory ? kNoGroup : job.gid;
  request.number = run.number;
  request.retries = settings().retries;
  turn_.on_end([this, request = std::move(request), job](int error) {
    if (error != 0) return;
    ++totals_.started;
    log_info("job %s: attempt %d of %d starts, owner %u", escaped(job.id).c_str(), request.number,
             request.retries + 1, static_cast<unsigned>(job.uid));
    launcher_.start(request);
    moved(job, Dir::kPending);
  });
  return 0;
}

void Queue::forget(AttemptId id) {
  auto found = runs_.find(id);
  if (found == runs_.end()) return;
  int64_t ino = found->second.ino;
  auto attached = attached_.find(ino);
  if (attached != attached_.end() && attached->second == id) attached_.erase(attached);
  auto running = running_of_.find(ino);
  if (--running->second == 0) running_of_.erase(running);
  runs_.erase(found);
  look_for_due_ = true;
}

// --- what the launcher tells

void Queue::started(AttemptId id, pid_t pid) {
  auto found = runs_.find(id);
  if (found == runs_.end()) return;
  Run& run = found->second;
  run.pid = pid;
  run.started_mono_ns = clock_.mono_ns();
  if (run.timeout_ms > 0 && !run.detached && run.deadline_ns < 0) {
    run.deadline_ns = run.started_mono_ns + run.timeout_ms * kNsPerMs;
  }
}

void Queue::start_failed(AttemptId id, const StartFailure& failure) {
  if (hooks_.owns(id)) return hooks_.start_failed(id, failure);
  auto found = runs_.find(id);
  if (found == runs_.end()) return;
  Run& run = found->second;
  run.failure = failure;
  run.ended = true;
  if (failure.fault != Fault::kJob && !run.detached) {
    log_warning("job %s: cannot start now: %s: %s", escaped(run.job_id).c_str(),
                failure.stage.c_str(), strerror(failure.error));
    if (failure.fault == Fault::kMachine) retry_ns_ = clock_.mono_ns() + kRetryDelayNs;
  }
  settle(run);
}

// When a job is due that could not start now: behind the others, so that it holds none of them up.
int64_t Queue::due_again_ns(const Run& run) {
  int64_t now = clock_.mono_ns();
  int64_t at = now + kRetryDelayNs;
  if (run.failure.fault == Fault::kOwner) {
    std::erase_if(put_back_ns_, [now](const auto& owner) { return owner.second < now; });
    int64_t& last = put_back_ns_[run.uid];
    at = last = std::max(at, last + kPutBackSpaceNs);
  }
  return clock_.wall_ns() + at - now;
}

void Queue::output(AttemptId id, std::string_view bytes) {
  if (hooks_.owns(id)) return hooks_.output(id, bytes);
  auto found = runs_.find(id);
  if (found == runs_.end() || bytes.empty()) return;
  Run& run = found->second;
  if (run.detached) {
    if (run.detaching) run.late_output += bytes;
    return;
  }
  run.log->append(bytes);
  run.last_output_ns = clock_.wall_ns();
  int64_t now = clock_.mono_ns();
  if (run.log->unsaved() >= Store::kChunkSize) {
    run.save_at_ns = now;
  } else if (run.save_at_ns < 0) {
    run.save_at_ns = now + kSaveDelayNs;
  }
  if (run.log->held() > kMostHeld && !run.output_held) {
    run.output_held = true;
    launcher_.hold_output(id, true);
  }
}

void Queue::exited(AttemptId id, const AttemptExit& exit) {
  if (hooks_.owns(id)) return hooks_.exited(id, exit);
  auto found = runs_.find(id);
  if (found == runs_.end()) return;
  found->second.exit = exit;
  found->second.ended = true;
  settle(found->second);
}

// --- the end of an attempt

// The run is forgotten with this turn's commit: its worker is free for a claim of the same turn.
// False if that was said already.
bool Queue::leave(Run& run) {
  if (std::exchange(run.leaving, true)) return false;
  ++leaving_;
  turn_.on_end([this, id = run.id](int) {
    --leaving_;
    if (auto found = runs_.find(id); found != runs_.end()) found->second.leaving = false;
  });
  return true;
}

// Stages what has become of an attempt that has ended.
void Queue::settle(Run& run) {
  if (!leave(run)) return;
  run.deadline_ns = run.save_at_ns = -1;
  if (run.detached) {
    // Perhaps since this very turn, whose commit may still fail.
    int staged = store_.remove_kill_pending(static_cast<int64_t>(run.id));
    turn_.on_end([this, id = run.id, staged](int error) {
      if (error != 0 || staged != 0) {
        unsettled_ = true;
      } else if (runs_.contains(id)) {
        forget(id);
      }
    });
    return;
  }
  Job job;
  Move move = Move::kPutBack;
  int staged = stage_end(run, job, move);
  turn_.on_end([this, id = run.id, job, move, staged](int error) {
    if (error == 0) error = staged;
    auto found = runs_.find(id);
    if (found == runs_.end() || found->second.detached) return;
    if (error != 0) {
      unsettled_ = true;
      retry_ns_ = clock_.mono_ns() + kRetryDelayNs;
      return;
    }
    Run& ended = found->second;
    ended.log->saved();
    log_end(ended, job, move);
    if ((move == Move::kSucceed || move == Move::kFail) && !stopping_) hooks_.job_ended(job);
    forget(id);
    moved(job, Dir::kActive);
  });
}

int Queue::stage_end(Run& run, Job& job, Move& move) {
  Job before;
  if (int error = store_.get(run.ino, before)) return error;
  int64_t now = clock_.wall_ns();
  job = before;
  job.ctime_ns = now;
  Outcome& outcome = job.outcome;
  outcome.finished_ns = now;
  if (run.exit) {
    outcome.wait_status = run.exit->wait_status;
    outcome.cpu_us = run.exit->cpu_us;
    outcome.maxrss_kb = run.exit->maxrss_kb;
    outcome.cause = run.timed_out ? "timed out after " + format_duration(run.timeout_ms)
                                  : wait_status_cause(run.exit->wait_status);
  } else {
    outcome.cause = "could not start: " + run.failure.stage + ": " + strerror(run.failure.error);
  }

  if (run.put_back || (!run.exit && run.failure.fault != Fault::kJob)) {
    move = Move::kPutBack;
    if (run.put_back) outcome.cause = "stopped with filed";
  } else if (outcome.cause.empty()) {
    move = Move::kSucceed;
  } else {
    move = before.attempts < settings().retries ? Move::kRetry : Move::kFail;
  }
  if (move != Move::kPutBack) ++job.attempts;
  switch (move) {
    case Move::kSucceed:
      job.dir = Dir::kComplete;
      job.mtime_ns = now;
      break;
    case Move::kFail:
      job.dir = Dir::kFailed;
      job.mtime_ns = now;
      break;
    case Move::kRetry:
      job.dir = Dir::kPending;
      job.mtime_ns = now + backoff_ns(settings(), job.attempts);
      break;
    default:
      job.dir = Dir::kPending;
      // What is stopped with filed keeps the due time that it had.
      if (!run.put_back) job.mtime_ns = due_again_ns(run);
  }

  if (!run.log->finished()) run.log->finish(log_trailer(outcome.cause));
  job.log_size = run.log->size();
  if (int error = run.log->save(store_, true)) return error;
  return store_.update(before, job);
}

void Queue::log_end(const Run& run, const Job& job, Move move) {
  int64_t took_ns = clock_.mono_ns() - run.started_mono_ns;
  std::string what;
  switch (move) {
    case Move::kSucceed:
      ++totals_.succeeded;
      what = "complete";
      break;
    case Move::kFail:
      ++totals_.failed;
      what = "failed: " + job.outcome.cause;
      break;
    case Move::kRetry:
      ++totals_.retried;
      what = "waits for a retry: " + job.outcome.cause;
      break;
    default:
      what = "put back: " + job.outcome.cause;
  }
  log_info("job %s: attempt %d of owner %u took %s, %s", escaped(job.id).c_str(), run.number,
           static_cast<unsigned>(run.uid), seconds(took_ns).c_str(), what.c_str());
}

void Queue::moved(const Job& job, Dir from) {
  if (watcher_ != nullptr) watcher_->notify_moved(job, from);
}

// --- time

void Queue::save_output(int64_t now_ns) {
  for (auto& [id, run] : runs_) {
    if (!reached(run.save_at_ns, now_ns) || run.detached || run.ended) continue;
    bool all = run.log->unsaved() < Store::kChunkSize;
    if (run.log->save(store_, all) != 0) return;
    run.save_at_ns = -1;
    turn_.on_end([this, id = id](int error) {
      auto found = runs_.find(id);
      if (found == runs_.end() || found->second.detached) return;
      Run& saved = found->second;
      int64_t now = clock_.mono_ns();
      if (error != 0) {
        saved.save_at_ns = retry_ns_ = now + kRetryDelayNs;
        return;
      }
      saved.log->saved();
      if (saved.log->unsaved() > 0 && saved.save_at_ns < 0) saved.save_at_ns = now + kSaveDelayNs;
      if (saved.output_held && saved.log->held() <= kMostHeld) {
        saved.output_held = false;
        launcher_.hold_output(id, false);
      }
    });
  }
}

// The steps against attempts that run too long: TERM, and KILL after kill_grace.
void Queue::run_deadlines(int64_t now_ns) {
  for (auto& [id, run] : runs_) {
    if (!reached(run.deadline_ns, now_ns)) continue;
    if (run.ended) {
      run.deadline_ns = -1;
      continue;
    }
    if (run.terminated) {
      run.deadline_ns = -1;
      launcher_.kill(id);
      continue;
    }
    run.terminated = true;
    (stopping_ ? run.put_back : run.timed_out) = true;
    run.deadline_ns = now_ns + settings().kill_grace_ms * kNsPerMs;
    launcher_.terminate(id);
  }
  if (std::erase_if(settling_, [&](const auto& job) { return job.second <= now_ns; }) > 0) {
    look_for_due_ = true;
  }
}

// Removes jobs that ended `keep_ms` ago; `now_ns` is wall time.
void Queue::expire(Dir dir, int64_t keep_ms, int64_t now_ns) {
  if (keep_ms == 0) return;
  Job job;
  for (int i = 0; i < kExpiredAtOnce; ++i) {
    if (!store_.oldest(dir, &job)) return;
    int64_t keep_ns = keep_ms * kNsPerMs;
    int64_t expires = job.mtime_ns > INT64_MAX - keep_ns ? INT64_MAX : job.mtime_ns + keep_ns;
    if (expires > now_ns) {
      earlier(next_wall_ns_, expires);
      return;
    }
    if (replace_or_remove(job) != 0) return;
    turn_.on_end([this, job](int error) {
      if (error == 0 && watcher_ != nullptr) watcher_->notify_removed(job);
    });
  }
  look_for_due_ = true;  // there may be more: in the next turn
}

int Queue::end_turn() {
  int64_t now = clock_.mono_ns();
  run_deadlines(now);
  hooks_.run_deadlines(now);
  if (reached(retry_ns_, now)) {
    retry_ns_ = -1;
    look_for_due_ = true;
    if (std::exchange(unsettled_, false)) {
      for (auto& [id, run] : runs_) {
        if (run.ended) settle(run);
      }
    }
  }
  if (retry_ns_ < 0) {
    save_output(now);
    if (look_for_due_ || turn_.changed()) claim_due();
  }
  if (receipts_ > 0) last_receipts_ = std::exchange(receipts_, 0);
  int error = turn_.end();
  if (error != 0 && retry_ns_ < 0) retry_ns_ = now + kRetryDelayNs;
  if (error != 0 && stopping_) give_up();
  store_.set_durability(settings().durability);
  return error;
}

// A stop that waits for nothing but a disk that takes no more leaves what has ended to the next
// start, as a crash would.
void Queue::give_up() {
  for (const auto& [id, run] : runs_) {
    if (!run.ended) return;
  }
  if (!gave_up_) log_error("the ends of %zu attempts cannot be stored", runs_.size());
  gave_up_ = true;
}

int64_t Queue::next_deadline_ns() const {
  if (retry_ns_ < 0 && (look_for_due_ || turn_.changed())) return 0;
  int64_t next = retry_ns_;
  earlier(next, hooks_.next_deadline_ns());
  for (const auto& [id, run] : runs_) {
    earlier(next, run.deadline_ns);
    if (retry_ns_ < 0) earlier(next, run.save_at_ns);
  }
  for (const auto& [ino, at] : settling_) earlier(next, at);
  return next;
}

void Queue::stop() {
  int64_t now = clock_.mono_ns();
  int64_t grace = stopping_ ? 0 : settings().stop_grace_ms * kNsPerMs;
  for (auto& [id, run] : runs_) {
    if (run.detached || run.ended) continue;
    if (stopping_) {
      run.terminated = run.put_back = true;
      run.deadline_ns = now;
    } else if (!run.terminated) {
      run.deadline_ns = now + grace;
    }
  }
  hooks_.stop(now + grace);
  stopping_ = true;
}

}  // namespace filed
