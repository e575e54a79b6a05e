#include "mount/replay.h"

#include <cerrno>

#include "mount/attributes.h"

namespace filed {

void Replay::add(const Job& job, Dir from, std::optional<Dir> to) {
  int64_t now = clock_.wall_ns();
  nodes_.touch(from, now);
  if (to) nodes_.touch(*to, now);
  if (!enabled_ || !notifier_.push({job, from, to})) forget_times(from, to);
}

// A change that is not repeated: the kernel must drop at least the times of the directories. This
// drops attributes only, so the kernel takes no lock that a waiting request may hold.
void Replay::forget_times(Dir from, std::optional<Dir> to) {
  fuse_lowlevel_notify_inval_inode(session_, ino_of(from), -1, 0);
  if (to) fuse_lowlevel_notify_inval_inode(session_, ino_of(*to), -1, 0);
}

void Replay::lookup(fuse_req_t req, fuse_ino_t parent, std::string_view name) {
  const Notifier::Event& event = notifier_.current();
  bool superseded = notifier_.is_superseded();
  if (parent == ino_of(event.from) && name == event.job.id && !superseded) {
    // The current attributes, because the kernel shows them to other processes.
    Job job;
    bool removed = queue_.jobs().get(event.job.ino, job) != 0;
    const Job& shown = removed ? event.job : job;
    reply_job_entry(req, job_attributes(shown, queue_.log_read_to(shown.ino)), 0);
  } else {
    if (superseded) forget_times(event.from, event.to);
    fuse_reply_err(req, ENOENT);
  }
}

// Replies success: filed has already made this change.
void Replay::confirm(fuse_req_t req) {
  const Notifier::Event& event = notifier_.current();
  bool superseded = notifier_.is_superseded();
  if (superseded) forget_times(event.from, event.to);
  fuse_reply_err(req, superseded ? ENOENT : 0);
}

std::optional<int64_t> Replay::pending(Dir dir, std::string_view id) const {
  Job job;
  if (!notifier_.is_busy() || queue_.jobs().find(dir, id, job) != 0) return std::nullopt;
  return job.ino;
}

void Replay::supersede(std::optional<int64_t> ino) {
  if (ino) notifier_.supersede(*ino);
}

}  // namespace filed
