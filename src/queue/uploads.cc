// The texts of pending jobs while they are written. A text is in memory from the first open for
// writing to the last close; flush, which is close(2), stages it for the store. A job with an
// upload is never claimed, so that nothing half-written runs.
#include <algorithm>
#include <cerrno>

#include "queue/queue.h"

namespace filed {
namespace {

// The files that a user may have open for writing at a time: one for each so many bytes of
// upload_limit, and so many in any case.
constexpr int64_t kBytesPerFile = 4096;
constexpr int64_t kFilesInAnyCase = 256;
constexpr int64_t kRecentNs = kNsPerMs;
constexpr size_t kNewest = 16;
// How long a temporary file waits to be renamed, and how many do at a time: each claim passes over
// them.
constexpr int64_t kSettleNs = kNsPerSec;
constexpr size_t kMostSettling = 1000;

}  // namespace

int Queue::charge(uid_t uid, int64_t bytes, int64_t files) {
  auto found = held_.find(uid);
  Held held = found == held_.end() ? Held{} : found->second;
  held.bytes += bytes;
  held.files += files;
  int64_t limit = settings().upload_limit;
  if (bytes > 0 && held.bytes > limit) return EDQUOT;
  if (files > 0 && held.files > std::max(limit / kBytesPerFile, kFilesInAnyCase)) return EDQUOT;
  held_[uid] = held;
  return 0;
}

void Queue::discharge(uid_t uid, int64_t bytes, int64_t files) {
  auto found = held_.find(uid);
  if (found == held_.end()) return;
  found->second.bytes -= bytes;
  found->second.files -= files;
  if (found->second.bytes <= 0 && found->second.files <= 0) held_.erase(found);
}

int Queue::create(std::string_view id, mode_t mode, const Caller& caller, Job& job, OpenJob& file) {
  if (int error = check_new_id(id, 0)) return error;
  if (int error = charge(caller.uid, 0, 1)) return error;
  int64_t now = clock_.wall_ns();
  job = {};
  job.ino = store_.next_sequence_number();
  job.id = id;
  job.mode = mode & kJobModeBits;
  if (caller.group_of_directory) job.mode |= kGroupOfDirectory;
  job.uid = caller.uid;
  job.gid = caller.gid;
  job.mtime_ns = job.atime_ns = job.ctime_ns = job.submitted_ns = now;

  Upload& upload = uploads_[job.ino];
  upload.job = job;
  upload.charged_to = caller.uid;
  upload.writers = 1;
  upload.user_writers = caller.uid == 0 ? 0 : 1;
  unstored_[job.id] = job.ino;
  file = {};
  file.ino = job.ino;
  file.writer = true;
  file.opened_by = caller.uid;
  count_open(file);
  return 0;
}

int Queue::start_upload(const Job& job, bool truncate, const Caller& caller, Upload*& upload) {
  auto found = uploads_.find(job.ino);
  if (found == uploads_.end()) {
    Upload fresh;
    fresh.stored = true;
    fresh.job = job;
    fresh.charged_to = caller.uid;
    int64_t size = truncate ? 0 : job.text_size;
    if (int error = charge(caller.uid, size, 1)) return error;
    if (!truncate) {
      if (int error = store_.read_text(job.ino, fresh.text)) {
        discharge(caller.uid, size, 1);
        return error;
      }
    }
    found = uploads_.emplace(job.ino, std::move(fresh)).first;
    settling_.erase(job.ino);
    if (truncate && job.text_size > 0) touched(found->second);
  } else if (truncate) {
    resize(found->second, 0);
  }
  upload = &found->second;
  return 0;
}

void Queue::touched(Upload& upload) {
  ++upload.version;
  upload.job.mtime_ns = clock_.wall_ns();
}

int Queue::resize(Upload& upload, int64_t size) {
  if (size > settings().job_size_limit) return EFBIG;
  auto old = static_cast<int64_t>(upload.text.size());
  if (size == old && upload.failed == 0) return 0;
  if (int error = charge(upload.charged_to, size - old, 0)) return error;
  upload.text.resize(static_cast<size_t>(size));
  if (size == 0) upload.failed = 0;  // begun anew
  touched(upload);
  return 0;
}

int Queue::write(OpenJob& file, int64_t offset, std::string_view bytes) {
  auto found = uploads_.find(file.ino);
  if (found == uploads_.end() || !file.writer) return EBADF;
  Upload& upload = found->second;
  auto end = offset + static_cast<int64_t>(bytes.size());
  if (end > static_cast<int64_t>(upload.text.size())) {
    if (int error = resize(upload, end)) return upload.failed = error;
  }
  std::copy(bytes.begin(), bytes.end(), upload.text.begin() + offset);
  touched(upload);
  return 0;
}

int Queue::flush(OpenJob& file) {
  auto found = uploads_.find(file.ino);
  if (found == uploads_.end() || !file.writer) return 0;
  Upload& upload = found->second;
  // A shell's redirection flushes once before its data comes: that commits nothing.
  if (upload.failed != 0) return upload.failed;
  if (upload.removed || !upload.dirty() || upload.text.empty()) return 0;
  int error = stage_text(upload);
  if (error == 0) ++receipts_;
  return error;
}

bool Queue::expects_receipts() const {
  if (receipts_ == 0) return false;
  if (receipts_ < last_receipts_) return true;
  // Who has written just now will close soon; most are among the newest.
  int64_t recent_ns = clock_.wall_ns() - kRecentNs;
  size_t looked_at = 0;
  size_t recent = 0;
  for (auto upload = uploads_.rbegin(); upload != uploads_.rend(); ++upload) {
    if (upload->second.job.mtime_ns >= recent_ns && ++recent > receipts_) return true;
    if (++looked_at == receipts_ + kNewest) break;
  }
  return false;
}

int Queue::stage_text(Upload& upload) {
  if (upload.text.find('\0') != std::string::npos) return EINVAL;
  int64_t now = clock_.wall_ns();
  if (!upload.stored) {
    upload.job.ctime_ns = now;
    upload.job.text_size = static_cast<int64_t>(upload.text.size());
    if (int error = store_unstored(upload)) return error;
  } else {
    Job before;
    if (int error = store_.get(upload.job.ino, before)) return error;
    // Another text is another job: it starts afresh.
    if (int error = discard_log(before)) return error;
    Job job = before;
    job.text_size = static_cast<int64_t>(upload.text.size());
    job.mtime_ns = upload.job.mtime_ns;
    job.ctime_ns = now;
    job.attempts = 0;
    job.log = job.log_size = 0;
    job.outcome = {};
    if (int error = store_.set_text(before, job, upload.text)) return error;
  }
  turn_.on_end([this, ino = upload.job.ino, version = upload.version](int error) {
    auto found = uploads_.find(ino);
    if (error == 0 && found != uploads_.end()) found->second.saved_version = version;
  });
  return 0;
}

// Gives a new job its row, with the text that `job.text_size` speaks of: all that was written or,
// before the first flush, none.
int Queue::store_unstored(Upload& upload) {
  auto size = static_cast<size_t>(upload.job.text_size);
  if (int error = store_.insert(upload.job, std::string_view(upload.text).substr(0, size))) {
    return error;
  }
  upload.stored = true;
  unstored_.erase(upload.job.id);
  turn_.on_rollback([this, ino = upload.job.ino, id = upload.job.id] {
    auto found = uploads_.find(ino);
    if (found == uploads_.end()) return;
    found->second.stored = false;
    found->second.job.id = id;
    found->second.job.text_size = 0;
    unstored_[id] = ino;
  });
  return 0;
}

int Queue::truncate_closed(const Job& before, Job& job, int64_t size) {
  if (size > settings().job_size_limit) return EFBIG;
  if (size > before.text_size) return EINVAL;  // it would be filled up with NUL bytes
  std::string text;
  if (int error = store_.read_text(before.ino, text)) return error;
  text.resize(static_cast<size_t>(size));
  job.text_size = size;
  if (job.mtime_ns == before.mtime_ns) job.mtime_ns = clock_.wall_ns();
  return store_.set_text(before, job, text);
}

void Queue::end_upload(int64_t ino) {
  auto found = uploads_.find(ino);
  if (found == uploads_.end() || --found->second.writers > 0) return;
  Upload& upload = found->second;
  look_for_due_ = true;
  if (!upload.removed) {
    // An empty file was not flushed: it is stored now. Other text that is not stored by now could
    // not be, and its writer was told so.
    bool empty = upload.text.empty() && upload.failed == 0;
    if (!upload.stored && empty) {
      upload.job.text_size = 0;
      store_unstored(upload);
    }
    if (upload.stored && upload.dirty() && empty) stage_text(upload);
    if (!upload.stored) unstored_.erase(upload.job.id);
  }
  discharge(upload.charged_to, static_cast<int64_t>(upload.text.size()), 1);
  if (upload.removed) keep_ghost_of(upload);
  uploads_.erase(found);
}

// sed -i and their like write a temporary file beside the one that they replace, close it, and
// rename it in the next moment. It must not have run under its passing name by then.
void Queue::settle_upload(int64_t ino) {
  if (settling_.size() < kMostSettling) settling_[ino] = clock_.mono_ns() + kSettleNs;
}

}  // namespace filed
