#include "queue/attributes.h"

#include <cerrno>

#include "queue/transitions.h"

namespace filed {
namespace {

void apply(const AttributeChange& change, int64_t now_ns, Job& job) {
  if (change.mode) job.mode = (job.mode & ~kJobModeBits) | (*change.mode & kJobModeBits);
  if (change.uid) job.uid = *change.uid;
  if (change.gid) {
    job.gid = *change.gid;
    // The kernel has checked that the owner is a member of the group, or root has set it.
    job.mode &= ~kGroupOfDirectory;
  }
  if (change.atime_ns) job.atime_ns = *change.atime_ns;
  if (change.mtime_ns) job.mtime_ns = *change.mtime_ns;
  job.ctime_ns = now_ns;
}

}  // namespace

int Attributes::check(int64_t ino, const AttributeChange& change, const Caller& caller,
                      bool by_writer) const {
  Job job;
  if (int error = jobs_.get(ino, job)) return error;
  bool touches = change.size || change.atime_ns || change.mtime_ns;
  if (touches && !by_writer && caller.uid != 0 && caller.uid != job.uid) return EACCES;
  const Upload* upload = uploads_.find(ino);
  bool gives_away = change.uid && *change.uid != job.uid;
  return gives_away && upload != nullptr && upload->user_writers > 0 ? EBUSY : 0;
}

int Attributes::check_new_owner(int64_t ino, uid_t uid) const {
  Job job;
  if (core_.store.get(ino, job) != 0) {
    const Upload* upload = uploads_.find(ino);
    if (upload == nullptr || upload->row != Upload::Row::kNone) return 0;
    job = upload->job;
  }
  return job.uid == uid ? 0 : caps_.check_job(uid, job.text_size + job.log_size);
}

void Attributes::apply_to_upload(const AttributeChange& change, int64_t now_ns, Upload& upload) {
  bool is_new = upload.row == Upload::Row::kNone;
  if (is_new) caps_.add_new_jobs(upload.job.uid, -1);
  apply(change, now_ns, upload.job);
  if (is_new) caps_.add_new_jobs(upload.job.uid, 1);
}

void Attributes::restore_on_rollback(const Upload& upload, const Job& was) {
  core_.turn.on_rollback([this, was, version = upload.version] {
    Upload* later = uploads_.find(was.ino);
    if (later == nullptr) return;
    later->job.mode = was.mode;
    later->job.uid = was.uid;
    later->job.gid = was.gid;
    later->job.atime_ns = was.atime_ns;
    if (later->version == version) later->job.mtime_ns = was.mtime_ns;
  });
}

int Attributes::set(int64_t ino, const AttributeChange& change, Job& job) {
  if (change.uid) {
    if (int error = check_new_owner(ino, *change.uid)) return error;
  }
  int64_t now = core_.clock.wall_ns();
  Upload* upload = uploads_.find(ino);
  if (upload != nullptr) {
    if (change.size) {
      if (int error = uploads_.resize(*upload, *change.size)) return error;
    }
    Job was = upload->job;
    apply_to_upload(change, now, *upload);
    if (upload->in_memory_only()) return jobs_.get(ino, job);
    restore_on_rollback(*upload, was);
  }
  Job before;
  if (int error = core_.store.get(ino, before)) {
    return error == ENOENT ? jobs_.get(ino, job) : error;
  }
  if (change.size) {
    if (int error = transition(Event::kWrite, before.dir).error) return error;
  }
  job = before;
  apply(change, now, job);
  Attempt* attempt = job.dir == Dir::kActive ? attempts_.of(ino) : nullptr;
  if (attempt != nullptr && change.mtime_ns) {
    // The row keeps the due time, in case the job goes back to pending/.
    job.mtime_ns = before.mtime_ns;
    attempts_.touch(*attempt, *change.mtime_ns);
  }
  bool cuts = change.size && upload == nullptr;
  int error =
      cuts ? uploads_.truncate_closed(before, job, *change.size) : core_.store.update(before, job);
  if (error != 0) return error;
  core_.agenda.rescan_needed = true;
  jobs_.overlay(job);
  return 0;
}

}  // namespace filed
