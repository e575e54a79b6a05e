#include "queue/open_files.h"

#include <algorithm>

namespace filed {

void OpenFiles::opened(const OpenJob& file) {
  OpenCount& open = open_[file.ino];
  ++open.files;
  caps_.add_open(file.opened_by, 1);
  if (file.view == OpenJob::View::kText) {
    ++open.text_views;
  } else {
    ++readers_[file.log].files;
  }
}

void OpenFiles::closed(const OpenJob& file) {
  auto open = open_.find(file.ino);
  caps_.add_open(file.opened_by, -1);
  if (file.view == OpenJob::View::kText) {
    --open->second.text_views;
  } else {
    auto readers = readers_.find(file.log);
    if (--readers->second.files == 0) {
      bool discarded = readers->second.discarded.has_value();
      forget_discarded(readers->second);
      readers_.erase(readers);
      // If this fails, the next start removes the log.
      if (discarded) core_.store.remove_deferred_log(file.log);
    }
  }
  if (--open->second.files == 0) {
    forget_unlinked(open->second);
    open_.erase(open);
  }
}

int64_t OpenFiles::log_read_to(int64_t ino) const {
  auto open = open_.find(ino);
  return open == open_.end() ? 0 : open->second.log_read_to;
}

void OpenFiles::note_log_read(int64_t ino, int64_t end) {
  auto open = open_.find(ino);
  if (open != open_.end()) open->second.log_read_to = std::max(open->second.log_read_to, end);
}

bool OpenFiles::keep_text(Unlinked& unlinked) {
  const Job& job = unlinked.job;
  return quota_.charge(job.uid, job.text_size, 0, core_.settings().upload_limit) == 0;
}

void OpenFiles::unlink(const Job& job) {
  auto open = open_.find(job.ino);
  if (open == open_.end()) return;
  forget_unlinked(open->second);
  Unlinked& unlinked = open->second.unlinked.emplace();
  unlinked.job = job;
  if (open->second.text_views > 0 && keep_text(unlinked)) {
    std::string text;
    if (core_.store.read_text(job.ino, text) == 0) {
      unlinked.text = std::move(text);
    } else {
      quota_.refund(job.uid, job.text_size, 0);
    }
  }
  core_.turn.on_rollback([this, ino = job.ino] {
    auto later = open_.find(ino);
    if (later != open_.end()) forget_unlinked(later->second);
  });
}

void OpenFiles::unlink_written(const Job& job, const std::string& text) {
  auto open = open_.find(job.ino);
  if (open == open_.end() || open->second.text_views == 0) return;
  Unlinked& unlinked = open->second.unlinked.emplace();
  unlinked.job = job;
  unlinked.job.text_size = static_cast<int64_t>(text.size());
  if (keep_text(unlinked)) unlinked.text = text;
}

const OpenFiles::Unlinked* OpenFiles::unlinked(int64_t ino) const {
  auto open = open_.find(ino);
  return open == open_.end() || !open->second.unlinked ? nullptr : &*open->second.unlinked;
}

void OpenFiles::forget_unlinked(OpenCount& open) {
  if (!open.unlinked) return;
  const Job& job = open.unlinked->job;
  if (open.unlinked->text) quota_.refund(job.uid, job.text_size, 0);
  open.unlinked.reset();
}

int OpenFiles::discard_log(const Job& job) {
  if (job.log == 0) return 0;
  auto readers = readers_.find(job.log);
  if (readers == readers_.end()) return core_.store.remove_log(job.log);
  int64_t bytes = 0;
  if (int error = core_.store.log_size(job.log, bytes)) return error;
  if (int error = core_.store.defer_log_removal(job.log)) return error;
  readers->second.discarded = {job.uid, bytes};
  caps_.add_bytes(job.uid, bytes);
  core_.turn.on_rollback([this, log = job.log] {
    auto later = readers_.find(log);
    if (later != readers_.end()) forget_discarded(later->second);
  });
  return 0;
}

void OpenFiles::forget_discarded(Readers& readers) {
  if (!readers.discarded) return;
  caps_.add_bytes(readers.discarded->owner, -readers.discarded->bytes);
  readers.discarded.reset();
}

// A log is held as a reader does it.
int OpenFiles::hold_log(const Job& job) {
  if (job.log == 0) return 0;
  ++readers_[job.log].files;
  core_.turn.on_rollback([this, log = job.log] {
    auto later = readers_.find(log);
    if (--later->second.files == 0) readers_.erase(later);
  });
  return discard_log(job);
}

// The turn may be rolled back.
void OpenFiles::end_hold(int64_t log) {
  auto held = readers_.find(log);
  core_.turn.on_rollback([this, log, discarded = held->second.discarded] {
    Readers& later = readers_[log];
    ++later.files;
    if (later.discarded || !discarded) return;
    later.discarded = discarded;
    caps_.add_bytes(discarded->owner, discarded->bytes);
  });
  if (--held->second.files > 0) return;
  forget_discarded(held->second);
  readers_.erase(held);
}

int OpenFiles::release_log(int64_t log) {
  if (log == 0) return 0;
  end_hold(log);
  return readers_.contains(log) ? 0 : core_.store.remove_deferred_log(log);
}

int OpenFiles::keep_log(int64_t log) {
  if (log == 0) return 0;
  end_hold(log);
  if (auto readers = readers_.find(log); readers != readers_.end()) {
    forget_discarded(readers->second);
  }
  return core_.store.undefer_log(log);
}

}  // namespace filed
