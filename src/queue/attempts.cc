#include "queue/attempts.h"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/log.h"
#include "config/units.h"
#include "queue/log_text.h"

namespace filed {
namespace {

using Phase = Attempt::Phase;
using Verdict = Attempt::Verdict;
using Tie = Attempt::Tie;

// Time between two start attempts for an owner who has reached a limit.
constexpr int64_t kOwnerDelayNs = 10 * kNsPerMs;
// Whole chunks of output are written at once. A shorter rest is written at most this long after it
// arrived.
constexpr int64_t kSaveDelayNs = kNsPerSec;
// If more output than this waits for the store, filed stops reading the attempt's pipe.
constexpr int64_t kMaxUnsaved = 1 << 20;
// Placeholder group that gives no rights: the launcher replaces it by the owner's primary group
// unless the owner is a member.
constexpr gid_t kNoGroup = 65534;

int64_t backoff_ns(const QueueSettings& settings, int attempts) {
  double ms = static_cast<double>(settings.backoff_ms) *
              std::pow(settings.backoff_factor, static_cast<double>(attempts - 1));
  // Compared before the conversion, because the power may be larger than any integer.
  auto longest = static_cast<double>(settings.backoff_max_ms);
  return static_cast<int64_t>(std::min(ms, longest)) * kNsPerMs;
}

std::string seconds(int64_t ns) {
  char text[32];
  snprintf(text, sizeof text, "%.3fs", static_cast<double>(ns) / 1e9);
  return text;
}

}  // namespace

// --- looking up

Attempt* Attempts::find(AttemptId id) {
  auto found = attempts_.find(id);
  return found == attempts_.end() ? nullptr : &found->second;
}

const Attempt* Attempts::of(int64_t ino) const {
  auto found = by_job_.find(ino);
  return found == by_job_.end() ? nullptr : found->second.attached;
}

Attempt* Attempts::of(int64_t ino) {
  return const_cast<Attempt*>(static_cast<const Attempts*>(this)->of(ino));
}

void Attempts::overlay(Job& job) const {
  const Attempt* attempt = of(job.ino);
  if (attempt == nullptr) return;
  job.log_size = attempt->log->size();
  job.mtime_ns = attempt->last_output_ns;
}

void Attempts::touch(Attempt& attempt, int64_t mtime_ns) {
  core_.turn.on_rollback([this, id = attempt.id, shown = attempt.last_output_ns] {
    if (Attempt* later = find(id)) later->last_output_ns = shown;
  });
  attempt.last_output_ns = mtime_ns;
}

// --- the claim

int Attempts::claim(const Job& before, std::string_view text) {
  const Transition& row = transition(Event::kClaim, before.dir);
  if (row.error != 0) return row.error;
  int64_t now = core_.clock.wall_ns();
  Job job = before;
  row.apply(job, now);
  job.atime_ns = job.outcome.started_ns = now;
  job.log = core_.store.next_sequence_number();
  if (int error = open_files_.discard_log(before.log)) return error;
  if (int error = core_.store.update(before, job)) return error;

  const Attempt& attempt = add(job, text);
  StartRequest request;
  request.attempt = attempt.id;
  request.id = job.id;
  request.text = text;
  request.shell = core_.settings().shell;
  request.uid = job.uid;
  request.gid = job.mode & kGroupOfDirectory ? kNoGroup : job.gid;
  request.number = attempt.number;
  request.retries = attempt.terms.retries;
  core_.turn.on_end([this, request = std::move(request), job, &row](int error) {
    if (error != 0) return;
    ++(totals_.*row.counter);
    start(request, job);
  });
  return 0;
}

// Every attempt has a number of its own, which is that of its log. It stands in the job's row, so
// that the next start can find the processes that a crash has left.
Attempt& Attempts::add(const Job& job, std::string_view text) {
  auto id = static_cast<AttemptId>(job.log);
  const QueueSettings& settings = core_.settings();
  Attempt& attempt = attempts_[id];
  attempt.id = id;
  attempt.ino = job.ino;
  attempt.job_id = job.id;
  attempt.uid = job.uid;
  attempt.number = job.attempts + 1;
  attempt.terms = {settings.retries, settings.timeout_ms, settings.kill_grace_ms};
  attempt.log = std::make_shared<AttemptLog>(job.log, settings.output_limit, log_header(text));
  attempt.started_mono_ns = core_.clock.mono_ns();
  attempt.last_output_ns = job.atime_ns;
  OfJob& of_job = by_job_[job.ino];
  of_job.attached = &attempt;
  ++of_job.unfinished;
  ++by_id_[job.id];
  core_.turn.on_rollback([this, id] { forget(id); });
  return attempt;
}

void Attempts::start(const StartRequest& request, const Job& job) {
  log_info("job %s: attempt %d of %d starts, owner %u", escaped(job.id).c_str(), request.number,
           request.retries + 1, static_cast<unsigned>(job.uid));
  launcher_.start(request);
  watcher_.notify_moved(job, Dir::kPending);
}

void Attempts::forget(AttemptId id) {
  Attempt* attempt = find(id);
  if (attempt == nullptr) return;
  auto of_job = by_job_.find(attempt->ino);
  if (of_job->second.attached == attempt) of_job->second.attached = nullptr;
  if (--of_job->second.unfinished == 0) by_job_.erase(of_job);
  if (auto of_id = by_id_.find(attempt->job_id); --of_id->second == 0) by_id_.erase(of_id);
  deadlines_.clear(id);
  saves_.clear(id);
  attempts_.erase(id);
  core_.agenda.rescan_needed = true;
}

// --- what the launcher reports

void Attempts::started(AttemptId id, pid_t pid) {
  Attempt* attempt = find(id);
  if (attempt == nullptr) return;
  attempt->pid = pid;
  attempt->started_mono_ns = core_.clock.mono_ns();
  if (attempt->phase == Phase::kStarting) attempt->phase = Phase::kRunning;
  int64_t timeout_ms = attempt->terms.timeout_ms;
  bool attached = attempt->tie == Tie::kAttached;
  if (timeout_ms > 0 && attached && attempt->phase == Phase::kRunning && !deadlines_.has(id)) {
    deadlines_.set(id, attempt->started_mono_ns + timeout_ms * kNsPerMs);
  }
}

void Attempts::start_failed(AttemptId id, const StartFailure& failure) {
  Attempt* attempt = find(id);
  if (attempt == nullptr) return;
  attempt->failure = failure;
  end(*attempt);
  if (failure.fault != Fault::kJob && attempt->tie == Tie::kAttached) {
    log_warning("job %s: cannot start now: %s: %s", escaped(attempt->job_id).c_str(),
                failure.stage.c_str(), strerror(failure.error));
    if (failure.fault == Fault::kMachine) {
      core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
    }
  }
  stage_end(*attempt);
}

void Attempts::output(AttemptId id, std::string_view bytes) {
  Attempt* attempt = find(id);
  if (attempt == nullptr || bytes.empty()) return;
  if (attempt->tie != Tie::kAttached) {
    if (attempt->tie == Tie::kDetaching) attempt->late_output += bytes;
    return;
  }
  attempt->log->append(bytes);
  attempt->last_output_ns = core_.clock.wall_ns();
  int64_t now = core_.clock.mono_ns();
  if (attempt->log->unsaved() >= Store::kChunkSize) {
    saves_.set(id, now);
  } else if (!saves_.has(id)) {
    saves_.set(id, now + kSaveDelayNs);
  }
  if (attempt->log->held() > kMaxUnsaved && !attempt->output_held) {
    attempt->output_held = true;
    launcher_.hold_output(id, true);
  }
}

void Attempts::undying(AttemptId id, pid_t pid, char state) {
  Attempt* attempt = find(id);
  if (attempt == nullptr || attempt->phase == Phase::kUndying || attempt->ended()) return;
  attempt->phase = Phase::kUndying;
  attempt->pid = pid;
  attempt->state = state;
  undying_.insert(id);
  deadlines_.clear(id);
  core_.agenda.rescan_needed = true;
  log_warning("job %s: attempt %d of owner %u does not die: PID %d, state %c",
              escaped(attempt->job_id).c_str(), attempt->number,
              static_cast<unsigned>(attempt->uid), static_cast<int>(pid), state);
}

std::vector<const Attempt*> Attempts::undying() const {
  std::vector<const Attempt*> list;
  for (AttemptId id : undying_) list.push_back(&attempts_.at(id));
  return list;
}

void Attempts::exited(AttemptId id, const AttemptExit& exit) {
  Attempt* attempt = find(id);
  if (attempt == nullptr) return;
  attempt->exit = exit;
  end(*attempt);
  stage_end(*attempt);
}

// --- the end of an attempt

void Attempts::end(Attempt& attempt) {
  undying_.erase(attempt.id);
  attempt.phase = Phase::kEnded;
}

// Frees the attempt's worker in this turn, so that one commit stores the end of one attempt and the
// claim of the next. Returns false if it was already freed.
bool Attempts::free_worker(Attempt& attempt) {
  if (attempt.phase == Phase::kLeaving) return false;
  attempt.phase = Phase::kLeaving;
  ++leaving_;
  core_.turn.on_end([this, id = attempt.id](int) {
    --leaving_;
    if (Attempt* later = find(id)) later->phase = Phase::kEnded;
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
      ends_to_retry_ = true;
      core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
      return;
    }
    later->log->saved();
    finish(*later, job, *row);
    forget(id);
    watcher_.notify_moved(job, Dir::kActive);
  });
}

// The attempt may have been detached in this very turn, and its commit may still fail.
void Attempts::stage_detached_end(Attempt& attempt) {
  int staged = core_.store.remove_kill_pending(static_cast<int64_t>(attempt.id));
  core_.turn.on_end([this, id = attempt.id, staged](int error) {
    if (error != 0 || staged != 0) {
      ends_to_retry_ = true;
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
  outcome.finished_ns = now;
  if (attempt.exit) {
    outcome.wait_status = attempt.exit->wait_status;
    outcome.cpu_us = attempt.exit->cpu_us;
    outcome.maxrss_kb = attempt.exit->maxrss_kb;
    outcome.cause = attempt.verdict == Verdict::kTimedOut
                        ? "timed out after " + format_duration(attempt.terms.timeout_ms)
                        : exit_cause(attempt.exit->wait_status, attempt.exit->out_of_memory);
  } else {
    outcome.cause =
        "could not start: " + attempt.failure.stage + ": " + strerror(attempt.failure.error);
  }
  row = &transition(event_of_end(attempt, before, outcome.cause), before.dir);
  if (row->error != 0) return row->error;
  row->apply(job, now, due_again_ns(attempt, *row, before.attempts + 1));

  if (!attempt.log->finished()) attempt.log->finish(log_trailer(outcome.cause));
  job.log_size = attempt.log->size();
  if (int error = attempt.log->save(core_.store, true)) return error;
  return core_.store.update(before, job);
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
    std::erase_if(next_try_ns_, [now](const auto& owner) { return owner.second < now; });
    int64_t& last = next_try_ns_[attempt.uid];
    at = last = std::max(at, last + kOwnerDelayNs);
  }
  return at;
}

// The end is committed.
void Attempts::finish(const Attempt& attempt, const Job& job, const Transition& row) {
  if (row.counter != nullptr) ++(totals_.*row.counter);
  int64_t took_ns = core_.clock.mono_ns() - attempt.started_mono_ns;
  log_info("job %s: attempt %d of owner %u took %s, %s", escaped(job.id).c_str(), attempt.number,
           static_cast<unsigned>(attempt.uid), seconds(took_ns).c_str(), row.describe(job).c_str());
  if (row.hook && !core_.agenda.stopping) hooks_.job_ended(job);
}

// --- ends by a user

int Attempts::stop(const Job& before, Job job, const Transition& row) {
  Attempt* attempt = of(job.ino);
  if (attempt == nullptr) return EBUSY;
  // The log ends now; later output is dropped. If the commit fails, the attempt continues and the
  // log is restored.
  auto unfinished = std::make_shared<AttemptLog>(*attempt->log);
  int64_t now = core_.clock.wall_ns();
  row.apply(job, now);
  job.outcome.finished_ns = now;
  if (!attempt->log->finished()) attempt->log->finish(log_trailer(job.outcome.cause));
  core_.turn.on_rollback([log = attempt->log, unfinished] { *log = *unfinished; });
  job.log_size = attempt->log->size();
  if (int error = attempt->log->save(core_.store, true)) return error;
  if (int error = core_.store.update(before, job)) return error;
  core_.turn.log_on_commit(row.log_line(job));
  core_.turn.on_end([log = attempt->log](int error) {
    if (error == 0) log->saved();
  });
  return abandon(*attempt, row);
}

int Attempts::abandon(Attempt& attempt, const Transition& row) {
  if (!attempt.ended()) {
    int error = core_.store.add_kill_pending(static_cast<int64_t>(attempt.id));
    if (error != 0) return error;
  }
  attempt.tie = Tie::kDetaching;
  by_job_.at(attempt.ino).attached = nullptr;
  if (attempt.ended()) free_worker(attempt);
  core_.turn.on_rollback([this, &attempt] {
    attempt.tie = Tie::kAttached;
    by_job_.at(attempt.ino).attached = &attempt;
    if (attempt.log->unsaved() > 0 && !saves_.has(attempt.id)) {
      saves_.set(attempt.id, core_.clock.mono_ns() + kSaveDelayNs);
    }
  });
  core_.turn.on_end([this, id = attempt.id, &row](int error) { finish_abandon(id, row, error); });
  return 0;
}

void Attempts::finish_abandon(AttemptId id, const Transition& row, int error) {
  Attempt* attempt = find(id);
  if (attempt == nullptr) return;
  // Output since the abandonment is kept if the attempt continues, else dropped.
  std::string late = std::exchange(attempt->late_output, {});
  if (error != 0) return output(id, late);
  ++(totals_.*row.counter);
  attempt->tie = Tie::kDetached;
  deadlines_.clear(id);
  saves_.clear(id);
  if (attempt->output_held) launcher_.hold_output(id, false);
  if (attempt->ended()) {
    forget(id);
  } else {
    if (attempt->phase != Phase::kUndying) attempt->phase = Phase::kKilling;
    launcher_.kill(id);
  }
}

// --- time

void Attempts::save_output(int64_t now_ns) {
  while (std::optional<AttemptId> id = saves_.take(now_ns)) {
    Attempt* attempt = find(*id);
    if (attempt == nullptr || attempt->tie != Tie::kAttached || attempt->ended()) continue;
    bool all = attempt->log->unsaved() < Store::kChunkSize;
    int failed = attempt->log->save(core_.store, all);
    core_.turn.on_end([this, id = *id](int error) { output_saved(id, error); });
    if (failed != 0) return;
  }
}

void Attempts::output_saved(AttemptId id, int error) {
  Attempt* attempt = find(id);
  if (attempt == nullptr || attempt->tie == Tie::kDetached) return;
  int64_t now = core_.clock.mono_ns();
  if (error != 0) {
    core_.agenda.retry_ns = now + kRetryDelayNs;
    saves_.set(id, now + kRetryDelayNs);
    return;
  }
  attempt->log->saved();
  if (attempt->log->unsaved() > 0 && !saves_.has(id)) saves_.set(id, now + kSaveDelayNs);
  if (attempt->output_held && attempt->log->held() <= kMaxUnsaved) {
    attempt->output_held = false;
    launcher_.hold_output(id, false);
  }
}

void Attempts::run_deadlines(int64_t now_ns) {
  while (std::optional<AttemptId> id = deadlines_.take(now_ns)) {
    Attempt* attempt = find(*id);
    if (attempt == nullptr || attempt->ended()) continue;
    if (attempt->phase == Phase::kTerminating) {
      attempt->phase = Phase::kKilling;
      launcher_.kill(*id);
      continue;
    }
    attempt->phase = Phase::kTerminating;
    attempt->verdict = core_.agenda.stopping ? Verdict::kShutDown : Verdict::kTimedOut;
    deadlines_.set(*id, now_ns + attempt->terms.kill_grace_ms * kNsPerMs);
    launcher_.terminate(*id);
  }
}

void Attempts::retry_ends() {
  if (!std::exchange(ends_to_retry_, false)) return;
  for (auto& [id, attempt] : attempts_) {
    if (attempt.ended()) stage_end(attempt);
  }
}

// --- the stop

void Attempts::stop_all(int64_t now_ns, int64_t grace_ns) {
  for (auto& [id, attempt] : attempts_) {
    bool terminated = attempt.phase != Phase::kStarting && attempt.phase != Phase::kRunning;
    if (attempt.tie == Tie::kAttached && !terminated) deadlines_.set(id, now_ns + grace_ns);
  }
}

void Attempts::kill_all(int64_t now_ns) {
  for (auto& [id, attempt] : attempts_) {
    if (attempt.tie != Tie::kAttached || attempt.ended()) continue;
    if (attempt.phase == Phase::kUndying) continue;
    attempt.phase = Phase::kTerminating;
    attempt.verdict = Verdict::kShutDown;
    deadlines_.set(id, now_ns);
  }
}

void Attempts::give_up() {
  for (const auto& [id, attempt] : attempts_) {
    if (!attempt.ended() && attempt.phase != Phase::kUndying) return;
  }
  if (!gave_up_) log_error("the ends of %zu attempts cannot be stored", attempts_.size());
  gave_up_ = true;
}

}  // namespace filed
