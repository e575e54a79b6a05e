#include "queue/moves.h"

#include <cerrno>

#include "queue/draft_names.h"
#include "queue/log_text.h"
#include "queue/stored_log.h"

namespace filed {

int Moves::rename(Dir from, std::string_view id, Dir to, std::string_view new_id, bool no_replace) {
  Job before;
  if (int error = jobs_.find(from, id, before)) return error;
  const Transition& row = transition(move_to(to), from);
  if (row.error != 0) return row.error;
  if (from == to && id == new_id) return 0;
  Upload* upload = uploads_.find(before.ino);
  if (upload != nullptr && !row.while_open) return EBUSY;

  Job replaced;
  bool replace = false;
  if (int error = jobs_.check_new_id(new_id, before.ino)) {
    replace =
        error == EEXIST && row.may_replace && !no_replace && jobs_.find(to, new_id, replaced) == 0;
    if (!replace) return error;
    if (uploads_.find(replaced.ino) != nullptr) return EBUSY;
  }
  if (new_id.size() > id.size()) {
    auto longer = static_cast<int64_t>(new_id.size());
    if (int error = core_.store.make_room(longer, before.uid)) return error;
  }
  if (upload != nullptr) {
    if (int error = uploads_.stage_for_rename(*upload)) return error;
  }
  // The row itself, without what is laid over it for users.
  if (int error = core_.store.get(before.ino, before)) return error;
  if (replace) {
    if (int error = remove_row(replaced, Event::kRemove)) return error;
  }

  core_.agenda.rescan_needed = true;
  Job job = before;
  job.id = new_id;
  mark_draft(job, core_.settings().drafts);
  if (row.kills) return attempts_.stop(before, job, row);
  if (row.log == LogChange::kCancel) return cancel(before, job, row);
  row.apply(job, core_.clock.wall_ns());
  uploads_.renamed(job);
  return core_.store.update(before, job);
}

// The last log stays, and gets a line. A second cancel of the same log adds nothing.
int Moves::cancel(const Job& before, Job job, const Transition& row) {
  int64_t now = core_.clock.wall_ns();
  row.apply(job, now);
  const Outcome& last = before.outcome;
  bool again = job.log != 0 && last.cause.starts_with(row.cause);
  if (again) {
    job.outcome.cause = last.cause;
  } else if (last.started_ns != 0) {
    job.outcome.cause += ", last attempt: " + (last.cause.empty() ? "exit status 0" : last.cause);
  }
  if (job.attempt_unfinished()) job.outcome.finished_ns = now;
  std::string end = again ? "" : log_trailer(job.outcome.cause);
  if (job.log == 0) {
    std::string text;
    if (int error = core_.store.read_text(job.ino, text)) return error;
    end.insert(0, log_header(text));
    job.log = core_.store.next_sequence_number();
  }
  if (!end.empty()) {
    auto bytes = static_cast<int64_t>(end.size());
    if (int error = core_.store.make_room(bytes, job.uid)) return error;
    StoredLog log(core_.store, job.log);
    if (int error = log.append(core_.store, job.log_size, end)) return error;
    job.log_size += bytes;
  }
  core_.log_on_commit(job, row);
  return core_.store.update(before, job);
}

int Moves::remove(Dir dir, std::string_view id) {
  Job job;
  if (int error = jobs_.find(dir, id, job)) return error;
  Upload* upload = uploads_.find(job.ino);
  if (upload == nullptr) return remove_row(job, Event::kRemove);
  if (upload->row == Upload::Row::kStored) {
    upload->job = job;
    if (int error = remove_row(job, Event::kRemove)) return error;
  }
  uploads_.removed(*upload);
  return 0;
}

std::optional<int64_t> Moves::ended_by_remove(Dir dir, std::string_view id) {
  Job job;
  if (!transition(Event::kRemove, dir).kills || jobs_.find(dir, id, job) != 0) return std::nullopt;
  return job.ino;
}

std::optional<int64_t> Moves::ended_by_rename(Dir from, std::string_view id, Dir to,
                                              std::string_view new_id) {
  const Transition& row = transition(move_to(to), from);
  Job job;
  if (row.error != 0 || !row.kills || jobs_.find(from, id, job) != 0) return std::nullopt;
  if (jobs_.check_new_id(new_id, job.ino) != 0) return std::nullopt;
  return job.ino;
}

int Moves::expire(const Job& job) { return remove_row(job, Event::kExpire); }

// `found` is the job as users see it.
int Moves::remove_row(const Job& found, Event event) {
  Job job;
  if (int error = core_.store.get(found.ino, job)) return error;
  const Transition& row = transition(event, job.dir);
  if (row.error != 0) return row.error;
  if (uploads_.find(job.ino) == nullptr) open_files_.unlink(found);
  if (row.log == LogChange::kDiscard) {
    if (int error = open_files_.discard_log(job)) return error;
  }
  if (int error = core_.store.remove(job)) return error;
  if (Attempt* attempt = row.kills ? attempts_.of(job.ino) : nullptr) {
    if (int error = attempts_.abandon(*attempt, row)) return error;
  }
  core_.log_on_commit(job, row);
  return 0;
}

}  // namespace filed
