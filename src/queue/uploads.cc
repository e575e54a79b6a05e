#include "queue/uploads.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "queue/draft_names.h"
#include "queue/transitions.h"

namespace filed {
namespace {

// How long a temporary file waits to be renamed.
constexpr int64_t kHoldNs = kNsPerSec;

}  // namespace

// --- looking up

Upload* Uploads::find(int64_t ino) {
  auto found = uploads_.find(ino);
  return found == uploads_.end() ? nullptr : &found->second;
}

const Upload* Uploads::find(int64_t ino) const {
  auto found = uploads_.find(ino);
  return found == uploads_.end() ? nullptr : &found->second;
}

std::optional<int64_t> Uploads::find_new(std::string_view id) const {
  if (new_ids_.empty()) return std::nullopt;
  auto found = new_ids_.find(std::string(id));
  if (found == new_ids_.end()) return std::nullopt;
  return found->second;
}

void Uploads::overlay(Job& job) const {
  const Upload* upload = find(job.ino);
  if (upload == nullptr) return;
  job.text_size = static_cast<int64_t>(upload->text.size());
  if (upload->dirty()) job.mtime_ns = upload->job.mtime_ns;
}

// --- opening and writing

int Uploads::create(std::string_view id, mode_t mode, const Caller& caller, Job& job,
                    OpenJob& file) {
  if (int error = caps_.check_job(caller.uid, 0)) return error;
  if (int error = quota_.charge(caller.uid, 0, 1, upload_limit())) return error;
  job = {};
  job.ino = core_.store.next_sequence_number();
  job.id = id;
  job.mode = mode & kJobModeBits;
  if (caller.group_of_directory) job.mode |= kGroupOfDirectory;
  mark_draft(job, core_.settings().drafts);
  job.uid = caller.uid;
  job.gid = caller.gid;
  job.mtime_ns = job.atime_ns = job.ctime_ns = job.submitted_ns = core_.clock.wall_ns();

  Upload& upload = uploads_[job.ino];
  upload.job = job;
  upload.charged_to = caller.uid;
  upload.writers = 1;
  upload.user_writers = caller.uid == 0 ? 0 : 1;
  add_new(upload);
  gathering_.written(job.ino, caller.uid, core_.clock.mono_ns());
  file = {};
  file.ino = job.ino;
  file.writer = true;
  file.opened_by = caller.uid;
  return 0;
}

// A job without a row.
void Uploads::add_new(const Upload& upload) {
  new_ids_[upload.job.id] = upload.job.ino;
  caps_.add_new_jobs(upload.job.uid, 1);
}

void Uploads::forget_new(const Upload& upload) {
  new_ids_.erase(upload.job.id);
  caps_.add_new_jobs(upload.job.uid, -1);
}

int Uploads::open(const Job& job, bool truncate, const Caller& caller, OpenJob& file) {
  Upload* upload = find(job.ino);
  if (upload == nullptr) {
    Upload fresh;
    fresh.row = Upload::Row::kStored;
    fresh.job = job;
    fresh.staged_size = job.text_size;
    fresh.charged_to = caller.uid;
    int64_t size = truncate ? 0 : job.text_size;
    if (int error = quota_.charge(caller.uid, size, 1, upload_limit())) return error;
    if (!truncate) {
      if (int error = core_.store.read_text(job.ino, fresh.text)) {
        quota_.refund(caller.uid, size, 1);
        return error;
      }
    }
    upload = &uploads_.emplace(job.ino, std::move(fresh)).first->second;
    held_.clear(key(job.ino));
    if (truncate && job.text_size > 0) touched(*upload);
  } else if (truncate) {
    resize(*upload, 0);
  }
  ++upload->writers;
  if (caller.uid != 0) ++upload->user_writers;
  file.writer = true;
  file.opened_by = caller.uid;
  return 0;
}

void Uploads::touched(Upload& upload) {
  ++upload.version;
  upload.job.mtime_ns = core_.clock.wall_ns();
  gathering_.written(upload.job.ino, upload.charged_to, core_.clock.mono_ns());
}

int Uploads::resize(Upload& upload, int64_t size) {
  if (size > core_.settings().job_size_limit) return EFBIG;
  auto old = static_cast<int64_t>(upload.text.size());
  if (size == old && upload.failed == 0) return 0;
  if (size > old) {
    if (int error = caps_.check_bytes(upload.job.uid, size - upload.staged_size)) return error;
  }
  if (int error = quota_.charge(upload.charged_to, size - old, 0, upload_limit())) return error;
  upload.text.resize(static_cast<size_t>(size));
  if (size == 0) upload.failed = 0;  // a new beginning
  touched(upload);
  return 0;
}

int Uploads::write(const OpenJob& file, int64_t offset, std::string_view bytes) {
  Upload* upload = find(file.ino);
  if (upload == nullptr || !file.writer) return EBADF;
  // Told at once, because many programs ignore an error of close(2). But vim keeps a file of its own
  // beside the one that it edits, with a name of a draft and NUL bytes in it.
  bool has_nul = bytes.find('\0') != bytes.npos;
  if (has_nul && !upload->job.is_draft()) return refuse_write(*upload, EINVAL);
  auto end = offset + static_cast<int64_t>(bytes.size());
  if (end > static_cast<int64_t>(upload->text.size())) {
    if (int error = resize(*upload, end)) return refuse_write(*upload, error);
  }
  std::copy(bytes.begin(), bytes.end(), upload->text.begin() + offset);
  touched(*upload);
  return 0;
}

// --- errors

int Uploads::refuse_write(Upload& upload, int error) {
  upload.failed = error;
  if (upload.row == Upload::Row::kStored) mark_refused(upload.job.ino, error);
  return error;
}

// Stages that the text that is stored does not run. Returns 0 or the errno of the store.
int Uploads::mark_refused(int64_t ino, int error) {
  Job before;
  if (int failed = core_.store.get(ino, before)) return failed == ENOENT ? 0 : failed;
  if (before.dir != Dir::kPending || before.refused != 0) return 0;
  Job job = before;
  job.refused = error;
  if (core_.owner_log.admits(job.uid)) {
    core_.turn.log_on_commit("job " + escaped(job.id) +
                             ": refused, because its writer got an error: " + std::strerror(error));
  }
  return core_.store.update(before, job);
}

// The same for a job that nobody has open any more. It is blocked until that is committed.
void Uploads::keep_refused(int64_t ino, int error) {
  unmarked_[ino] = error;
  int staged = mark_refused(ino, error);
  core_.turn.on_end([this, ino, staged](int failed) {
    if (failed == 0 && staged == 0) {
      unmarked_.erase(ino);
    } else {
      core_.agenda.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
    }
  });
}

void Uploads::retry_refusals() {
  for (const auto& [ino, error] : std::unordered_map<int64_t, int>(unmarked_)) {
    keep_refused(ino, error);
  }
}

// The job is written anew or moved.
void Uploads::accept(int64_t ino) {
  auto found = unmarked_.find(ino);
  if (found == unmarked_.end()) return;
  core_.turn.on_rollback([this, ino, error = found->second] { unmarked_[ino] = error; });
  unmarked_.erase(found);
  core_.agenda.rescan_needed = true;
  core_.agenda.unblocked.push_back(ino);
}

// --- storing

int Uploads::flush(const OpenJob& file) {
  Upload* upload = find(file.ino);
  if (upload == nullptr || !file.writer) return 0;
  if (upload->failed != 0) return refuse_write(*upload, upload->failed);
  // The redirection of a shell flushes once before it has written anything: that commits nothing.
  bool removed = upload->row == Upload::Row::kRemoved;
  if (removed || !upload->dirty() || upload->text.empty()) return 0;
  if (int error = stage_text(*upload)) {
    if (upload->row == Upload::Row::kStored) mark_refused(upload->job.ino, error);
    return error;
  }
  gathering_.receipt(file.ino, upload->charged_to);
  return 0;
}

int Uploads::stage_text(Upload& upload) {
  if (upload.text.find('\0') != std::string::npos) return EINVAL;
  auto size = static_cast<int64_t>(upload.text.size());
  if (int error = core_.store.make_room(size, upload.job.uid)) return error;
  int64_t now = core_.clock.wall_ns();
  if (upload.row == Upload::Row::kNone) {
    if (int error = caps_.check_bytes(upload.job.uid, size)) return error;
    upload.job.ctime_ns = now;
    upload.job.text_size = size;
    if (int error = give_row(upload)) return error;
  } else {
    Job before;
    if (int error = core_.store.get(upload.job.ino, before)) return error;
    const Transition& row = transition(Event::kRewrite, before.dir);
    if (row.error != 0) return row.error;
    int64_t added = size - before.text_size - before.log_size;
    if (int error = caps_.check_bytes(before.uid, added)) return error;
    if (int error = open_files_.discard_log(before)) return error;
    Job job = before;
    row.apply(job, now, upload.job.mtime_ns);
    job.text_size = size;
    if (int error = core_.store.set_text(before, job, upload.text)) return error;
    accept(job.ino);
  }
  upload.staged_size = size;
  upload.staged_version = upload.version;
  core_.turn.on_end([this, ino = upload.job.ino, version = upload.version](int error) {
    Upload* later = find(ino);
    if (later == nullptr) return;
    later->staged_version = 0;
    later->commit_failed = error;
    if (error == 0) later->saved_version = version;
  });
  return 0;
}

// A program that renames before it closes takes the rename for the receipt. It may ignore the
// error of its close(2).
int Uploads::stage_for_rename(Upload& upload) {
  if (upload.failed != 0) return upload.failed;
  if (upload.dirty() && !upload.text.empty()) return stage_text(upload);
  return upload.row == Upload::Row::kNone ? give_empty_row(upload) : 0;
}

int Uploads::give_row(Upload& upload) {
  auto size = static_cast<size_t>(upload.job.text_size);
  std::string_view text = std::string_view(upload.text).substr(0, size);
  if (int error = core_.store.insert(upload.job, text)) return error;
  upload.row = Upload::Row::kStored;
  forget_new(upload);
  core_.turn.on_rollback([this, ino = upload.job.ino, id = upload.job.id] {
    Upload* later = find(ino);
    if (later == nullptr) return;
    later->row = Upload::Row::kNone;
    later->job.id = id;
    later->job.text_size = 0;
    later->staged_size = 0;
    add_new(*later);
  });
  return 0;
}

int Uploads::give_empty_row(Upload& upload) {
  if (int error = core_.store.make_room(0, upload.job.uid)) return error;
  return give_row(upload);
}

int Uploads::truncate_closed(const Job& before, Job& job, int64_t size) {
  if (size > core_.settings().job_size_limit) return EFBIG;
  if (size > before.text_size) return EINVAL;
  std::string text;
  if (int error = core_.store.read_text(before.ino, text)) return error;
  text.resize(static_cast<size_t>(size));
  const Transition& row = transition(Event::kRewrite, before.dir);
  if (row.error != 0) return row.error;
  if (int error = core_.store.make_room(size, before.uid)) return error;
  if (int error = open_files_.discard_log(before)) return error;
  int64_t now = core_.clock.wall_ns();
  row.apply(job, now, job.mtime_ns == before.mtime_ns ? now : job.mtime_ns);
  job.text_size = size;
  return core_.store.set_text(before, job, text);
}

void Uploads::renamed(const Job& job) {
  held_.clear(key(job.ino));
  accept(job.ino);
  Upload* upload = find(job.ino);
  if (upload == nullptr) return;
  core_.turn.on_rollback([this, ino = job.ino, id = upload->job.id, mode = upload->job.mode] {
    Upload* later = find(ino);
    if (later == nullptr) return;
    later->job.id = id;
    later->job.mode = mode;
  });
  upload->job.id = job.id;
  upload->job.mode = job.mode;
  upload->renamed = true;
}

void Uploads::removed(Upload& upload) {
  if (upload.row == Upload::Row::kStored) {
    core_.turn.on_rollback([this, ino = upload.job.ino] {
      if (Upload* later = find(ino)) later->row = Upload::Row::kStored;
    });
  } else {
    forget_new(upload);
  }
  upload.row = Upload::Row::kRemoved;
}

// --- closing

void Uploads::close(const OpenJob& file) {
  Upload* upload = find(file.ino);
  if (upload == nullptr || !file.writer) return;
  if (file.opened_by != 0) --upload->user_writers;
  // sed -i and similar programs write a temporary file beside the one that they replace, close it
  // and rename it at once. It must not run under its temporary name.
  bool removed = upload->row == Upload::Row::kRemoved;
  if (file.temporary && !upload->renamed && !removed && held_.size() < kMaxHeld) {
    held_.set(key(file.ino), core_.clock.mono_ns() + kHoldNs);
  }
  if (--upload->writers == 0) end(*upload);
}

void Uploads::end(Upload& upload) {
  core_.agenda.rescan_needed = true;
  core_.agenda.unblocked.push_back(upload.job.ino);
  bool removed = upload.row == Upload::Row::kRemoved;
  auto held = static_cast<int64_t>(upload.text.size());
  if (!removed) {
    // An empty file was not flushed: it is stored now. Any other text that is not stored by now
    // could not be, and its writer got the errno. Nothing of it may run, also not a part that was
    // stored before.
    bool empty = upload.text.empty() && upload.failed == 0;
    bool unstored = upload.dirty() && upload.version != upload.staged_version;
    if (upload.row == Upload::Row::kNone && empty) {
      upload.job.text_size = 0;
      give_empty_row(upload);
    }
    if (upload.row == Upload::Row::kStored) {
      if (empty && upload.dirty()) {
        stage_text(upload);
      } else if (upload.failed != 0 || unstored) {
        int error = upload.failed != 0 ? upload.failed : upload.commit_failed;
        keep_refused(upload.job.ino, error != 0 ? error : EINVAL);
      }
    }
    if (upload.row == Upload::Row::kNone) forget_new(upload);
  }
  quota_.refund(upload.charged_to, held, 1);
  if (removed) open_files_.unlink_written(upload.job, upload.text);
  gathering_.forget(upload.job.ino);
  uploads_.erase(upload.job.ino);
}

// --- time

void Uploads::run_deadlines(int64_t now_ns) {
  while (std::optional<Deadlines::Key> ino = held_.take(now_ns)) {
    core_.agenda.rescan_needed = true;
    core_.agenda.unblocked.push_back(static_cast<int64_t>(*ino));
  }
}

}  // namespace filed
