#include "queue/recovery.h"

#include <algorithm>

#include "base/log.h"
#include "queue/log_text.h"
#include "queue/stored_log.h"
#include "queue/transitions.h"

namespace filed {
namespace {

// Room for the lines that filed adds to a log.
constexpr int64_t kEndBytes = 1024;

int active_jobs(const StoreReader& store, std::vector<Job>& jobs) {
  return store.list(Dir::kActive, 0, [&](const Job& job) {
    jobs.push_back(job);
    return true;
  });
}

// Adds the cause to the stored part of the log, and before it what is not stored of the header.
int end_log(Store& store, Job& job, const Transition& row, int64_t now_ns) {
  StoredLog log(store, job.log);
  if (int error = log.size(job.log_size)) return error;
  const std::string& cause = job.outcome.cause;
  bool pauses = row.log == LogChange::kPause;
  std::string ending = pauses ? log_break(cause, now_ns) : log_trailer(cause);
  // The header is a little longer than the text.
  if (job.log_size <= job.text_size + static_cast<int64_t>(log_header("").size())) {
    std::string text;
    if (int error = store.read_text(job.ino, text)) return error;
    std::string header = log_header(text);
    header.erase(0, static_cast<size_t>(job.log_size));
    ending.insert(0, header);
  }
  if (int error = log.append(store, job.log_size, ending)) return error;
  job.log_size += static_cast<int64_t>(ending.size());
  return 0;
}

// What becomes of a job whose attempt was under way.
Job interrupt(const Job& before, int64_t now_ns, int most, const Transition*& row) {
  Job job = before;
  int times = ++job.outcome.interruptions;
  bool is_last = most > 0 && times >= most;
  row = &transition(is_last ? Event::kInterruptLast : Event::kInterrupt, before.dir);
  row->apply(job, now_ns);
  if (!is_last) return job;
  job.outcome.finished_ns = now_ns;
  job.outcome.cause = "interrupted " + std::to_string(times) + (times == 1 ? " time" : " times") +
                      ": filed was killed or the machine stopped";
  return job;
}

}  // namespace

std::vector<AttemptId> interrupted_attempts(const StoreReader& store) {
  std::vector<AttemptId> attempts;
  std::vector<Job> active;
  active_jobs(store, active);
  attempts.reserve(active.size());
  for (const Job& job : active) attempts.push_back(static_cast<AttemptId>(job.log));
  for (const KillPending& attempt : store.kill_pending()) {
    attempts.push_back(static_cast<AttemptId>(attempt.attempt));
  }
  return attempts;
}

int recover(Store& store, const Clock& clock, const QueueSettings& settings,
            const std::set<AttemptId>& undying) {
  for (const KillPending& attempt : store.kill_pending()) {
    if (undying.contains(static_cast<AttemptId>(attempt.attempt))) continue;
    if (int error = store.remove_kill_pending(attempt.attempt)) return error;
  }
  std::vector<Job> active;
  if (int error = active_jobs(store, active)) return error;
  for (const Job& before : active) {
    // A full disk takes only short transactions.
    if (store.is_crowded()) {
      if (int error = store.commit()) return error;
    }
    int64_t added = kEndBytes + std::min(before.log_size, Store::kChunkSize);
    if (int error = store.make_room_for_end(added)) return error;
    const Transition* row = nullptr;
    int64_t now = clock.wall_ns();
    Job job = interrupt(before, now, settings.interruptions, row);
    if (int error = end_log(store, job, *row, now)) return error;
    if (int error = store.update(before, job)) return error;
    log_warning("%s", row->log_line(job).c_str());
    if (!undying.contains(static_cast<AttemptId>(before.log))) continue;
    KillPending left{before.log, before.ino, before.id, before.uid, before.attempts + 1};
    if (int error = store.add_kill_pending(left)) return error;
  }
  return store.commit();
}

}  // namespace filed
