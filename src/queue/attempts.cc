#include "queue/attempts.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "queue/log_text.h"

namespace filed {
namespace {

using Phase = Attempt::Phase;
using Verdict = Attempt::Verdict;
using Tie = Attempt::Tie;

// Whole chunks of output are written at once. A shorter rest is written at most this long after it
// arrived.
constexpr int64_t kSaveDelayNs = kNsPerSec;
// If more output than this waits for the store, filed stops reading the attempt's pipe.
constexpr int64_t kMaxUnsaved = 1 << 20;
// No attempt starts if the disk cannot take so much output.
constexpr int64_t kFirstOutput = 4096;
// How long a caller waits for a kill. Meanwhile the kernel holds the directory, so nobody else can look
// up or submit a job there.
constexpr int64_t kKillWaitNs = kNsPerSec;
// Placeholder group that gives no rights: the launcher replaces it by the owner's primary group
// unless the owner is a member.
constexpr gid_t kNoGroup = 65534;

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
  if (int error = core_.store.make_room(kFirstOutput, before.uid)) {
    core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
    return error;
  }
  int64_t now = core_.clock.wall_ns();
  Job job = before;
  row.apply(job, now);
  job.atime_ns = job.outcome.started_ns = now;
  std::shared_ptr<AttemptLog> log;
  if (int error = begin_log(before, job, text, log)) return error;
  if (int error = core_.store.update(before, job)) return error;

  const Attempt& attempt = add(job, before, std::move(log));
  StartRequest request;
  request.attempt = attempt.id;
  request.id = job.id;
  request.text = text;
  request.shell = core_.settings().shell;
  request.uid = job.uid;
  request.gid = job.mode & kGroupOfDirectory ? kNoGroup : job.gid;
  request.number = attempt.number;
  request.retries = attempt.terms.retries;
  request.env.emplace_back("FILED_INTERRUPTED", std::to_string(job.outcome.interruptions));
  core_.turn.on_end([this, request = std::move(request), job, &row](int error) {
    if (error != 0) return;
    ++(totals_.*row.counter);
    start(request, job, row);
  });
  return 0;
}

// Every attempt has a number of its own, which is that of its log. It stands in the job's row, so
// that the next start can find the processes that a crash has left.
//
// The log of the attempt before is kept until this one ends.
int Attempts::begin_log(const Job& before, Job& job, std::string_view text,
                        std::shared_ptr<AttemptLog>& log) {
  std::string header = log_header(text);
  int64_t limit = core_.settings().output_limit;
  int64_t room = caps_.room(job.uid);
  if (job.log != 0) {
    log =
        AttemptLog::resume(core_.store, job.log, limit, static_cast<int64_t>(header.size()), room);
    if (log != nullptr) return 0;
    // An error of the disk must not hold up the jobs behind this one.
    log_error("job %s: its log cannot be read; a new one begins", escaped(job.id).c_str());
  }
  job.log = core_.store.next_sequence_number();
  log = std::make_shared<AttemptLog>(job.log, limit, header, room);
  return open_files_.hold_log(before);
}

Attempt& Attempts::add(const Job& job, const Job& before, std::shared_ptr<AttemptLog> log) {
  auto id = static_cast<AttemptId>(job.log);
  const QueueSettings& settings = core_.settings();
  Attempt& attempt = attempts_[id];
  attempt.id = id;
  attempt.ino = job.ino;
  attempt.job_id = job.id;
  attempt.uid = job.uid;
  attempt.number = job.attempts + 1;
  attempt.terms = {settings.retries, settings.timeout_ms, settings.kill_grace_ms};
  attempt.log = std::move(log);
  attempt.before = {before.log, before.log_size, before.atime_ns, before.outcome};
  charge_log(attempt);
  attempt.started_mono_ns = core_.clock.mono_ns();
  attempt.last_output_ns = job.atime_ns;
  OfJob& of_job = by_job_[job.ino];
  of_job.attached = &attempt;
  ++of_job.unfinished;
  ++by_id_[job.id];
  shares_.start(job.uid);
  core_.turn.on_rollback([this, id] { forget(id); });
  return attempt;
}

void Attempts::charge(Attempt& attempt, int64_t bytes) {
  if (bytes == attempt.charged) return;
  caps_.add_bytes(attempt.uid, bytes - attempt.charged);
  attempt.charged = bytes;
}

// Charges the owner for the log as it is now, as long as no row does.
void Attempts::charge_log(Attempt& attempt) {
  bool counts = caps_.limits_bytes() && attempt.tie == Tie::kAttached;
  charge(attempt, counts ? attempt.log->stored_size() : 0);
}

void Attempts::start(const StartRequest& request, const Job& job, const Transition& row) {
  // More than all, if the number of retries was lowered meanwhile.
  int all = std::max(request.number, request.retries + 1);
  if (core_.owner_log.admits(job.uid)) {
    log_info("job %s: attempt %d of %d starts, owner %u", escaped(job.id).c_str(), request.number,
             all, static_cast<unsigned>(job.uid));
  }
  launcher_.start(request);
  watcher_.tell(row, job);
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
  charge(*attempt, 0);
  if (attempt->phase != Phase::kLeaving) shares_.add_running(attempt->uid, -1);
  core_.agenda.rescan_needed = true;
  core_.agenda.unblocked.push_back(attempt->ino);
  core_.agenda.unblocked_ids.push_back(std::move(attempt->job_id));
  attempts_.erase(id);
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
  end_kill_wait(id, 0);
  attempt->failure = failure;
  end(*attempt);
  if (failure.fault != Fault::kJob && attempt->tie == Tie::kAttached) {
    if (core_.owner_log.admits(attempt->uid, LogLevel::kWarning)) {
      log_warning("job %s: cannot start now: %s: %s", escaped(attempt->job_id).c_str(),
                  failure.step.c_str(), strerror(failure.error));
    }
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
  charge_log(*attempt);
  attempt->log->append(bytes, caps_.room(attempt->uid));
  charge_log(*attempt);
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

void Attempts::killed(AttemptId id) { end_kill_wait(id, 0); }

void Attempts::undying(AttemptId id, pid_t pid, char state) {
  Attempt* attempt = find(id);
  if (attempt == nullptr || attempt->phase == Phase::kUndying || attempt->ended()) return;
  attempt->phase = Phase::kUndying;
  attempt->pid = pid;
  attempt->state = state;
  undying_.insert(id);
  shares_.add_workers(attempt->uid, -1);
  deadlines_.clear(id);
  core_.agenda.rescan_needed = true;
  if (!core_.owner_log.admits(attempt->uid, LogLevel::kWarning)) return;
  log_warning("job %s: attempt %d of owner %u does not die: PID %d, state %c",
              escaped(attempt->job_id).c_str(), attempt->number,
              static_cast<unsigned>(attempt->uid), static_cast<int>(pid), state);
}

void Attempts::take_over(const KillPending& left, pid_t pid, char state) {
  auto id = static_cast<AttemptId>(left.attempt);
  if (find(id) != nullptr) return;
  Attempt& attempt = attempts_[id];
  attempt.id = id;
  attempt.ino = left.ino;
  attempt.job_id = left.id;
  attempt.uid = left.uid;
  attempt.number = left.number;
  attempt.phase = Phase::kKilling;
  attempt.tie = Tie::kDetached;
  ++by_job_[left.ino].unfinished;
  ++by_id_[left.id];
  shares_.add_running(left.uid, 1);
  undying(id, pid, state);
}

std::vector<const Attempt*> Attempts::undying(size_t most) const {
  std::vector<const Attempt*> list;
  for (AttemptId id : undying_) {
    if (list.size() == most) break;
    list.push_back(&attempts_.at(id));
  }
  return list;
}

void Attempts::exited(AttemptId id, const AttemptExit& exit) {
  Attempt* attempt = find(id);
  if (attempt == nullptr) return;
  end_kill_wait(id, 0);
  attempt->exit = exit;
  end(*attempt);
  stage_end(*attempt);
}

// --- ends by a user

void Attempts::kill_before(int64_t ino, std::function<void(int error)> done) {
  Attempt* attempt = of(ino);
  if (attempt == nullptr || attempt->ended() || attempt->phase == Phase::kUndying ||
      launcher_.kill_soon(attempt->id)) {
    return done(0);
  }
  auto& waiting = kill_waits_[attempt->id];
  if (waiting.empty()) kill_wait_ends_.set(attempt->id, core_.clock.mono_ns() + kKillWaitNs);
  waiting.push_back(std::move(done));
}

void Attempts::end_kill_wait(AttemptId id, int error) {
  auto waiting = kill_waits_.extract(id);
  if (waiting.empty()) return;
  kill_wait_ends_.clear(id);
  for (const auto& done : waiting.mapped()) done(error);
}

int Attempts::stop(const Job& before, Job job, const Transition& row) {
  Attempt* attempt = of(job.ino);
  if (attempt == nullptr) return EBUSY;
  if (int error = core_.store.make_room_for_end(attempt->log->bytes_of_end())) return error;
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
  core_.log_on_commit(job, row);
  core_.turn.on_end([log = attempt->log](int error) {
    if (error == 0) log->saved();
  });
  return abandon(*attempt, row);
}

int Attempts::abandon(Attempt& attempt, const Transition& row) {
  if (!attempt.ended()) {
    int error = core_.store.add_kill_pending({static_cast<int64_t>(attempt.id), attempt.ino,
                                              attempt.job_id, attempt.uid, attempt.number});
    if (error != 0) return error;
  }
  if (int error = release_last_log(attempt)) return error;
  attempt.tie = Tie::kDetaching;
  charge_log(attempt);
  by_job_.at(attempt.ino).attached = nullptr;
  if (attempt.ended()) free_worker(attempt);
  core_.turn.on_rollback([this, &attempt] {
    attempt.tie = Tie::kAttached;
    by_job_.at(attempt.ino).attached = &attempt;
    charge_log(attempt);
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
    int64_t bytes = attempt->log->bytes_of_end();
    if (int error = core_.store.make_room(bytes, attempt->uid)) return output_saved(*id, error);
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

std::optional<int64_t> Attempts::next_deadline_ns() const {
  return earlier(deadlines_.next(), kill_wait_ends_.next());
}

void Attempts::run_deadlines(int64_t now_ns) {
  while (std::optional<AttemptId> id = kill_wait_ends_.take(now_ns)) {
    if (launcher_.recall_kill(*id)) {
      end_kill_wait(*id, EBUSY);
    } else {
      // The launcher has begun to kill it, and tells so in a moment.
      kill_wait_ends_.set(*id, now_ns + kKillWaitNs);
    }
  }
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
  for (AttemptId id : std::exchange(ends_to_retry_, {})) {
    Attempt* attempt = find(id);
    if (attempt == nullptr || !attempt->ended()) continue;
    // The rest in another transaction, because a full disk takes only short ones.
    if (core_.store.is_crowded()) {
      ends_to_retry_.push_back(id);
      core_.agenda.retry_ns = core_.clock.mono_ns();
      continue;
    }
    stage_end(*attempt);
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
