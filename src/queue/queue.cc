// What users do to jobs, but for their texts (uploads.cc). What filed does to them is in
// attempts.cc.
//
// Where a job's truth is: in its row, with three exceptions that are in memory. A new job has no
// row until its first data is flushed (Upload::stored). The size and mtime of a pending job that is
// being written are those of its upload, and of an active job those of its run. overlay() lays them
// over the row.
#include "queue/queue.h"

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "queue/log_text.h"

namespace filed {
namespace {

constexpr std::string_view kIdDigits = "0123456789abcdefghijklmnopqrstuvwxyz";

std::string base36(int64_t number) {
  std::string digits;
  do {
    digits.insert(digits.begin(), kIdDigits[static_cast<size_t>(number % 36)]);
    number /= 36;
  } while (number > 0);
  return digits;
}

// Writes `bytes` behind a log of `size` bytes that nobody else writes.
int append_to_log(Store& store, int64_t log, int64_t size, std::string_view bytes) {
  int64_t number = size / Store::kChunkSize;
  std::string chunk;
  if (int error = store.read_chunk(log, number, 0, Store::kChunkSize, chunk)) return error;
  while (!bytes.empty()) {
    size_t room = static_cast<size_t>(Store::kChunkSize) - chunk.size();
    chunk += bytes.substr(0, room);
    bytes.remove_prefix(std::min(room, bytes.size()));
    if (int error = store.put_chunk(log, number++, chunk)) return error;
    chunk.clear();
  }
  return 0;
}

}  // namespace

Queue::Queue(Store& store, Launcher& launcher, const Clock& clock, LiveSettings settings,
             const Options& options)
    : store_(store),
      launcher_(launcher),
      clock_(clock),
      live_(std::move(settings)),
      options_(options),
      hooks_(store, launcher, clock, options.mount_dir),
      turn_(store) {
  live_.restore(store_.load_settings());
  store_.set_durability(live_.queue().durability);
  hooks_.set(options_.hooks);
}

std::vector<AttemptId> Queue::interrupted_runs() {
  std::vector<AttemptId> runs;
  store_.list(Dir::kActive, 0, [&](const Job& job) {
    runs.push_back(static_cast<AttemptId>(job.log));
    return true;
  });
  for (int64_t run : store_.kill_pending()) runs.push_back(static_cast<AttemptId>(run));
  return runs;
}

int Queue::recover() {
  std::vector<Job> active;
  int error = store_.list(Dir::kActive, 0, [&](const Job& job) {
    active.push_back(job);
    return true;
  });
  if (error != 0) return error;
  for (const Job& before : active) {
    Job job = before;
    job.dir = Dir::kPending;
    job.ctime_ns = clock_.wall_ns();
    job.outcome.cause = "interrupted: filed was killed or the machine stopped";
    std::string ending = log_trailer(job.outcome.cause);
    if ((error = store_.log_size(job.log, job.log_size)) != 0) return error;
    if (job.log_size == 0) {
      std::string text;
      if ((error = store_.read_text(job.ino, text)) != 0) return error;
      ending.insert(0, log_header(text));
    }
    if ((error = append_to_log(store_, job.log, job.log_size, ending)) != 0) return error;
    job.log_size += static_cast<int64_t>(ending.size());
    if ((error = store_.update(before, job)) != 0) return error;
    log_warning("job %s: was running when filed died, runs again", escaped(job.id).c_str());
  }
  for (int64_t run : store_.kill_pending()) {
    if ((error = store_.remove_kill_pending(run)) != 0) return error;
  }
  // On a nearly full disk, too: who cannot start cannot be told to remove anything.
  return store_.commit(true);
}

// --- what there is

Queue::Run* Queue::run_of(int64_t ino) {
  auto found = attached_.find(ino);
  return found == attached_.end() ? nullptr : &runs_.at(found->second);
}

const Queue::Upload* Queue::upload_of(int64_t ino) const {
  auto found = uploads_.find(ino);
  return found == uploads_.end() ? nullptr : &found->second;
}

void Queue::overlay(Job& job) const {
  if (job.dir == Dir::kPending) {
    if (const Upload* upload = upload_of(job.ino)) {
      job.text_size = static_cast<int64_t>(upload->text.size());
      if (upload->dirty()) job.mtime_ns = upload->job.mtime_ns;
    }
  } else if (job.dir == Dir::kActive) {
    auto attached = attached_.find(job.ino);
    if (attached == attached_.end()) return;
    const Run& run = runs_.at(attached->second);
    job.log_size = run.log->size();
    job.mtime_ns = run.last_output_ns;
  }
}

int Queue::get(int64_t ino, Job& job) {
  if (const Upload* upload = upload_of(ino);
      upload != nullptr && (!upload->stored || upload->removed)) {
    job = upload->job;
    job.text_size = static_cast<int64_t>(upload->text.size());
    job.removed = upload->removed;
    return 0;
  }
  int error = store_.get(ino, job);
  if (error == 0) overlay(job);
  if (error == ENOENT) {
    auto ghost = ghosts_.find(ino);
    if (ghost != ghosts_.end()) {
      job = ghost->second.job;
      job.removed = true;
      return 0;
    }
  }
  return error;
}

int Queue::find(Dir dir, std::string_view id, Job& job) {
  if (id.size() > kMaxIdLength) return ENAMETOOLONG;
  if (dir == Dir::kPending && !unstored_.empty()) {
    auto unstored = unstored_.find(std::string(id));
    if (unstored != unstored_.end()) return get(unstored->second, job);
  }
  if (int error = store_.find(id, job)) return error;
  if (job.dir != dir) return ENOENT;
  overlay(job);
  return 0;
}

int Queue::list(Dir dir, int64_t after, const std::function<bool(const Job&)>& row,
                bool names_only) {
  bool more = true;
  auto upload = dir == Dir::kPending ? uploads_.upper_bound(after) : uploads_.end();
  // Gives what has no row yet, up to `limit`, its place among the rows.
  auto give_unstored = [&](int64_t limit) {
    for (; more && upload != uploads_.end() && upload->first < limit; ++upload) {
      if (upload->second.stored || upload->second.removed) continue;
      Job job;
      get(upload->first, job);
      more = row(job);
    }
  };
  auto give_stored = [&](const Job& stored) {
    give_unstored(stored.ino);
    if (!more) return false;
    if (names_only) return more = row(stored);
    Job job = stored;
    overlay(job);
    more = row(job);
    return more;
  };
  int error = names_only ? store_.list_names(dir, after, give_stored)
                         : store_.list(dir, after, give_stored);
  if (error == 0) give_unstored(INT64_MAX);
  return error;
}

Counts Queue::counts() const {
  Counts counts = store_.counts();
  counts.of(Dir::kPending) += static_cast<int64_t>(unstored_.size());
  return counts;
}

pid_t Queue::pid_of(int64_t ino) const {
  auto found = attached_.find(ino);
  return found == attached_.end() ? 0 : runs_.at(found->second).pid;
}

// --- opened files

int Queue::open(int64_t ino, bool write, bool truncate, const Caller& caller, OpenJob& file) {
  Job job;
  if (int error = get(ino, job)) return error;
  file = {};
  file.ino = ino;
  if (write || truncate) {
    if (job.dir != Dir::kPending) return EACCES;
    if (options_.owner_mode && caller.uid != 0 && caller.uid != job.uid) return EACCES;
    Upload* upload = nullptr;
    if (int error = start_upload(job, truncate, caller, upload)) return error;
    ++upload->writers;
    if (caller.uid != 0) ++upload->user_writers;
    file.writer = true;
    file.opened_by = caller.uid;
  } else if (job.dir != Dir::kPending) {
    file.view = OpenJob::View::kLog;
    file.log = job.log;
    file.log_size = job.log_size;
    if (Run* run = run_of(ino); run != nullptr && job.dir == Dir::kActive) file.live = run->log;
    ++log_readers_[file.log];
  }
  count_open(file);
  return 0;
}

int Queue::read(OpenJob& file, int64_t offset, int64_t size, std::string& bytes) {
  bytes.clear();
  if (offset < 0 || size <= 0) return 0;
  if (file.view == OpenJob::View::kLog) {
    int error = read_log(file, offset, size, bytes);
    int64_t& read_to = open_files_.at(file.ino).log_read_to;
    read_to = std::max(read_to, offset + static_cast<int64_t>(bytes.size()));
    return error;
  }
  std::string stored;
  const std::string* text = &stored;
  if (const Upload* upload = upload_of(file.ino)) {
    text = &upload->text;
  } else if (auto ghost = ghosts_.find(file.ino); ghost != ghosts_.end()) {
    if (!ghost->second.has_text) return ESTALE;
    text = &ghost->second.text;
  } else if (int error = store_.read_text(file.ino, stored)) {
    return error;
  }
  if (offset < static_cast<int64_t>(text->size())) {
    bytes = text->substr(static_cast<size_t>(offset), static_cast<size_t>(size));
  }
  return 0;
}

int Queue::read_log(OpenJob& file, int64_t offset, int64_t size, std::string& bytes) {
  if (file.live != nullptr) return file.live->read(store_, file.reader, offset, size, bytes);
  size = std::min(size, file.log_size - offset);
  std::string piece;
  while (size > 0) {
    int64_t start = offset % Store::kChunkSize;
    int64_t length = std::min(size, Store::kChunkSize - start);
    int error = store_.read_chunk(file.log, offset / Store::kChunkSize, start, length, piece);
    if (error != 0 || piece.empty()) return bytes.empty() ? error : 0;
    bytes += piece;
    offset += static_cast<int64_t>(piece.size());
    size -= static_cast<int64_t>(piece.size());
  }
  return 0;
}

int64_t Queue::log_read_to(int64_t ino) const {
  auto open = open_files_.find(ino);
  return open == open_files_.end() ? 0 : open->second.log_read_to;
}

void Queue::count_open(const OpenJob& file) {
  ++open_files_[file.ino].count;
  if (file.view == OpenJob::View::kText) ++text_views_[file.ino];
}

void Queue::close(OpenJob& file) {
  if (file.view == OpenJob::View::kText && --text_views_[file.ino] == 0) {
    text_views_.erase(file.ino);
  }
  if (file.writer) {
    auto upload = uploads_.find(file.ino);
    if (upload != uploads_.end() && file.opened_by != 0) --upload->second.user_writers;
    if (upload != uploads_.end() && file.temporary && !upload->second.renamed &&
        !upload->second.removed) {
      settle_upload(file.ino);
    }
    end_upload(file.ino);
  }
  if (file.view == OpenJob::View::kLog) {
    auto readers = log_readers_.find(file.log);
    if (--readers->second == 0) {
      log_readers_.erase(readers);
      // What fails here is done at the next start.
      if (deferred_logs_.erase(file.log) > 0) store_.remove_deferred_log(file.log);
    }
  }
  auto open = open_files_.find(file.ino);
  if (--open->second.count == 0) {
    open_files_.erase(open);
    forget_ghost(file.ino);
  }
}

// --- attributes

int Queue::check_change(int64_t ino, const AttributeChange& change, const Caller& caller,
                        bool by_writer) {
  if (!options_.owner_mode) return 0;
  Job job;
  if (int error = get(ino, job)) return error;
  bool touches = change.size || change.atime_ns || change.mtime_ns;
  if (touches && !by_writer && caller.uid != 0 && caller.uid != job.uid) return EACCES;
  const Upload* upload = upload_of(ino);
  bool gives_away = change.uid && *change.uid != job.uid;
  return gives_away && upload != nullptr && upload->user_writers > 0 ? EBUSY : 0;
}

int Queue::set_attributes(int64_t ino, const AttributeChange& change, Job& job) {
  int64_t now = clock_.wall_ns();
  auto apply = [&](Job& to) {
    if (change.mode) to.mode = (to.mode & kGroupOfDirectory) | (*change.mode & kJobModeBits);
    if (change.uid) to.uid = *change.uid;
    if (change.gid) {
      to.gid = *change.gid;
      to.mode &=
          ~kGroupOfDirectory;  // the kernel has seen that the owner is a member, or root says so
    }
    if (change.atime_ns) to.atime_ns = *change.atime_ns;
    if (change.mtime_ns) to.mtime_ns = *change.mtime_ns;
    to.ctime_ns = now;
  };
  auto found = uploads_.find(ino);
  Upload* upload = found == uploads_.end() ? nullptr : &found->second;

  if (upload != nullptr) {
    if (change.size) {
      if (int error = resize(*upload, *change.size)) return error;
    }
    Job was = upload->job;
    apply(upload->job);
    if (!upload->stored || upload->removed) return get(ino, job);
    turn_.on_rollback([this, ino, was = std::move(was), version = upload->version] {
      auto kept = uploads_.find(ino);
      if (kept == uploads_.end()) return;
      Job& now_again = kept->second.job;
      now_again.mode = was.mode;
      now_again.uid = was.uid;
      now_again.gid = was.gid;
      now_again.atime_ns = was.atime_ns;
      if (kept->second.version == version) now_again.mtime_ns = was.mtime_ns;
    });
  }
  Job before;
  if (int error = store_.get(ino, before)) return error == ENOENT ? get(ino, job) : error;
  if (change.size && before.dir != Dir::kPending) return EACCES;
  job = before;
  apply(job);
  if (Run* run = run_of(ino); run != nullptr && job.dir == Dir::kActive && change.mtime_ns) {
    // The row keeps the due time, for the case that the job is put back.
    job.mtime_ns = before.mtime_ns;
    turn_.on_rollback([this, id = run->id, shown = run->last_output_ns] {
      auto later = runs_.find(id);
      if (later != runs_.end()) later->second.last_output_ns = shown;
    });
    run->last_output_ns = *change.mtime_ns;
  }
  if (change.size && upload == nullptr) {
    if (int error = truncate_closed(before, job, *change.size)) return error;
  } else if (int error = store_.update(before, job)) {
    return error;
  }
  overlay(job);
  look_for_due_ = true;
  return 0;
}

// --- moves

bool Queue::id_in_use(std::string_view id) {
  return unstored_.contains(std::string(id)) || store_.has_id(id);
}

int Queue::check_new_id(std::string_view id, int64_t except_ino) {
  if (id.empty()) return EINVAL;
  if (id.size() > kMaxIdLength) return ENAMETOOLONG;
  auto unstored = unstored_.find(std::string(id));
  if (unstored != unstored_.end()) return unstored->second == except_ino ? 0 : EEXIST;
  Job other;
  int error = store_.find(id, other);
  if (error == ENOENT || (error == 0 && other.ino == except_ino)) return 0;
  return error == 0 ? EEXIST : error;
}

int Queue::rename(Dir from, std::string_view id, Dir to, std::string_view new_id, bool no_replace) {
  Job before;
  if (int error = find(from, id, before)) return error;
  Move move = user_move(from, to);
  if (move == Move::kNotPermitted) return EPERM;
  if (move == Move::kBusy) return EBUSY;
  if (from == to && id == new_id) return 0;

  auto found = uploads_.find(before.ino);
  Upload* upload = found == uploads_.end() ? nullptr : &found->second;
  if (upload != nullptr && move != Move::kRename) return EBUSY;

  // Somebody else's name may only be taken within pending/, by replacing the job that has it.
  bool replace = false;
  Job replaced;
  if (int error = check_new_id(new_id, before.ino)) {
    bool may_replace = error == EEXIST && move == Move::kRename && to == Dir::kPending &&
                       !no_replace && find(Dir::kPending, new_id, replaced) == 0;
    if (!may_replace) return error;
    if (upload_of(replaced.ino) != nullptr) return EBUSY;
    replace = true;
  }
  if (upload != nullptr && !upload->stored) {
    if (int error = store_unstored(*upload)) return error;
  }
  if (int error = store_.get(before.ino, before)) return error;  // without what overlay() adds
  if (replace) {
    if (int error = replace_or_remove(replaced)) return error;
  }

  int64_t now = clock_.wall_ns();
  Job job = before;
  job.id = new_id;
  job.ctime_ns = now;
  look_for_due_ = true;
  switch (move) {
    case Move::kRunAgain:
      job.dir = Dir::kPending;
      job.attempts = 0;
      job.mtime_ns = std::max(job.mtime_ns, now);
      return store_.update(before, job);
    case Move::kCancel:
      return cancel(before, job);
    case Move::kStopAndFail:
    case Move::kStopAndQueue: {
      Run* run = run_of(job.ino);
      return run == nullptr ? EBUSY : stop_attempt(before, job, *run, to);
    }
    default:
      if (upload != nullptr) {
        upload->job.id = job.id;
        upload->renamed = true;
      }
      settling_.erase(job.ino);
      return store_.update(before, job);
  }
}

int Queue::cancel(const Job& before, Job job) {
  std::string text;
  if (int error = store_.read_text(job.ino, text)) return error;
  if (int error = discard_log(before)) return error;
  job.outcome.cause = "cancelled by mv to failed";
  if (job.attempts > 0 && !before.outcome.cause.empty()) {
    job.outcome.cause += ", last attempt: " + before.outcome.cause;
  }
  std::string log = log_header(text) + log_trailer(job.outcome.cause);
  job.dir = Dir::kFailed;
  job.mtime_ns = clock_.wall_ns();
  job.log = store_.next_sequence_number();
  job.log_size = static_cast<int64_t>(log.size());
  if (int error = append_to_log(store_, job.log, 0, log)) return error;
  turn_.on_end([id = job.id](int error) {
    if (error == 0) log_info("job %s: cancelled", escaped(id).c_str());
  });
  return store_.update(before, job);
}

int Queue::stop_attempt(const Job& before, Job job, Run& run, Dir to) {
  // Its log ends here, whatever its processes still print. Until the commit the attempt may yet go
  // on.
  AttemptLog unfinished = *run.log;
  int64_t now = clock_.wall_ns();
  job.dir = to;
  job.mtime_ns = now;
  job.outcome.finished_ns = now;
  job.outcome.cause = to == Dir::kFailed ? "stopped by mv to failed" : "stopped by mv to pending";
  if (!run.log->finished()) run.log->finish(log_trailer(job.outcome.cause));
  turn_.on_rollback([log = run.log, unfinished = std::move(unfinished)] { *log = unfinished; });
  job.log_size = run.log->size();
  if (to == Dir::kFailed) ++job.attempts;
  if (int error = run.log->save(store_, true)) return error;
  if (int error = store_.update(before, job)) return error;
  turn_.on_end([log = run.log, id = job.id, to](int error) {
    if (error != 0) return;
    log->saved();
    log_info("job %s: stopped by mv to %s", escaped(id).c_str(), dir_name(to).data());
  });
  return detach(run);
}

int Queue::remove(Dir dir, std::string_view id) {
  Job job;
  if (int error = find(dir, id, job)) return error;
  auto found = uploads_.find(job.ino);
  if (found != uploads_.end()) {
    Upload& upload = found->second;
    if (upload.stored) {
      upload.job = job;
      if (int error = replace_or_remove(job)) return error;
      turn_.on_rollback([this, ino = job.ino] {
        auto kept = uploads_.find(ino);
        if (kept != uploads_.end()) kept->second.removed = false;
      });
    } else {
      unstored_.erase(job.id);
    }
    upload.removed = true;
    return 0;
  }
  return replace_or_remove(job);
}

int Queue::replace_or_remove(const Job& found) {
  Job job;
  if (int error = store_.get(found.ino, job)) return error;  // without what overlay() adds
  if (upload_of(job.ino) == nullptr) keep_ghost(found);
  if (int error = discard_log(job)) return error;
  if (int error = store_.remove(job)) return error;
  if (Run* run = job.dir == Dir::kActive ? run_of(job.ino) : nullptr) {
    if (int error = detach(*run)) return error;
  }
  turn_.on_end([id = job.id, dir = job.dir](int error) {
    if (error == 0) log_info("job %s: removed from %s", escaped(id).c_str(), dir_name(dir).data());
  });
  return 0;
}

int Queue::discard_log(const Job& job) {
  if (job.log == 0) return 0;
  if (!log_readers_.contains(job.log)) return store_.remove_log(job.log);
  if (int error = store_.defer_log_removal(job.log)) return error;
  deferred_logs_.insert(job.log);
  turn_.on_rollback([this, log = job.log] { deferred_logs_.erase(log); });
  return 0;
}

void Queue::keep_ghost(const Job& job) {
  if (!open_files_.contains(job.ino)) return;
  forget_ghost(job.ino);
  Ghost& ghost = ghosts_[job.ino];
  ghost.job = job;
  if (text_views_.contains(job.ino) && charge(job.uid, job.text_size, 0) == 0) {
    ghost.has_text = store_.read_text(job.ino, ghost.text) == 0;
    if (!ghost.has_text) discharge(job.uid, job.text_size, 0);
  }
  turn_.on_rollback([this, ino = job.ino] { forget_ghost(ino); });
}

// The last writer of a removed job has closed it, and others still read it.
void Queue::keep_ghost_of(const Upload& upload) {
  if (!text_views_.contains(upload.job.ino)) return;
  Ghost& ghost = ghosts_[upload.job.ino];
  ghost.job = upload.job;
  ghost.job.text_size = static_cast<int64_t>(upload.text.size());
  ghost.has_text = charge(ghost.job.uid, ghost.job.text_size, 0) == 0;
  if (ghost.has_text) ghost.text = upload.text;
}

void Queue::forget_ghost(int64_t ino) {
  auto found = ghosts_.find(ino);
  if (found == ghosts_.end()) return;
  const Ghost& ghost = found->second;
  if (ghost.has_text) discharge(ghost.job.uid, ghost.job.text_size, 0);
  ghosts_.erase(found);
}

int Queue::detach(Run& run) {
  if (!run.ended) {
    if (int error = store_.add_kill_pending(static_cast<int64_t>(run.id))) return error;
  }
  run.detached = run.detaching = true;
  attached_.erase(run.ino);
  if (run.ended) leave(run);
  turn_.on_rollback([this, &run] {
    run.detached = run.detaching = false;
    attached_[run.ino] = run.id;
    if (run.ended) unsettled_ = true;
  });
  turn_.on_end([this, id = run.id](int error) {
    auto found = runs_.find(id);
    if (found == runs_.end()) return;
    // What came since belongs to the log again if the attempt goes on, and to nobody if it does
    // not.
    std::string late = std::exchange(found->second.late_output, {});
    if (error != 0) return output(id, late);
    ++totals_.killed;
    found->second.detaching = false;
    found->second.deadline_ns = found->second.save_at_ns = -1;
    if (found->second.output_held) launcher_.hold_output(id, false);
    if (found->second.ended) {
      forget(id);
    } else {
      launcher_.kill(id);
    }
  });
  return 0;
}

// --- ids and settings

int Queue::new_id(std::string& id) {
  do {
    id = base36(store_.next_sequence_number());
  } while (id_in_use(id));
  return store_.reserve_sequence_numbers();
}

size_t Queue::new_id_length() const {
  // Others may take numbers before the one who asks, and an id that is in use is passed over.
  constexpr int64_t kSoon = 1000;
  return base36(store_.last_sequence_number() + kSoon).size();
}

int Queue::write_settings(std::string_view text) {
  LiveSettings before = live_;
  if (auto reason = live_.write(text)) {
    log_warning("config.ini: %s", reason->c_str());
    return EINVAL;
  }
  if (int error = store_.save_settings(live_.overrides())) {
    live_ = std::move(before);
    return error;
  }
  turn_.on_rollback([this, before = std::move(before)] { live_ = before; });
  turn_.on_end([](int error) {
    if (error == 0) log_info("config.ini: settings changed");
  });
  look_for_due_ = true;
  return 0;
}

void Queue::set_base_settings(const Settings& base) {
  live_.set_base(base);
  hooks_.set(base.hooks);
  store_.save_settings(live_.overrides());
  look_for_due_ = true;
}

}  // namespace filed
