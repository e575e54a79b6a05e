#include "queue/jobs.h"

#include <algorithm>
#include <cerrno>

#include "queue/stored_log.h"

namespace filed {

void Jobs::overlay(Job& job) const {
  if (job.dir == Dir::kPending) uploads_.overlay(job);
  if (job.dir == Dir::kActive) attempts_.overlay(job);
}

int Jobs::get(int64_t ino, Job& job) const {
  if (const Upload* upload = uploads_.find(ino); upload != nullptr && upload->in_memory_only()) {
    job = upload->job;
    job.text_size = static_cast<int64_t>(upload->text.size());
    job.removed = upload->row == Upload::Row::kRemoved;
    return 0;
  }
  int error = store_.get(ino, job);
  if (error == 0) overlay(job);
  if (error == ENOENT) {
    if (const OpenFiles::Unlinked* unlinked = open_files_.unlinked(ino)) {
      job = unlinked->job;
      job.removed = true;
      return 0;
    }
  }
  return error;
}

int Jobs::find(Dir dir, std::string_view id, Job& job) const {
  if (id.size() > kMaxIdLength) return ENAMETOOLONG;
  if (dir == Dir::kPending) {
    if (std::optional<int64_t> ino = uploads_.find_new(id)) return get(*ino, job);
  }
  if (int error = store_.find(id, job)) return error;
  if (job.dir != dir) return ENOENT;
  overlay(job);
  return 0;
}

int Jobs::list(Dir dir, int64_t after, const std::function<bool(const Job&)>& row,
               bool names_only) const {
  bool more = true;
  const auto& uploads = uploads_.all();
  auto upload = dir == Dir::kPending ? uploads.upper_bound(after) : uploads.end();
  // Gives the jobs without a row, below `limit`, their place among the rows.
  auto give_new = [&](int64_t limit) {
    for (; more && upload != uploads.end() && upload->first < limit; ++upload) {
      if (upload->second.row != Upload::Row::kNone) continue;
      Job job;
      get(upload->first, job);
      more = row(job);
    }
  };
  auto give_stored = [&](const Job& stored) {
    give_new(stored.ino);
    if (!more) return false;
    if (names_only) return more = row(stored);
    Job job = stored;
    overlay(job);
    more = row(job);
    return more;
  };
  int error = names_only ? store_.list_names(dir, after, give_stored)
                         : store_.list(dir, after, give_stored);
  if (error == 0) give_new(INT64_MAX);
  return error;
}

Counts Jobs::counts() const {
  Counts counts = store_.counts();
  counts.of(Dir::kPending) += static_cast<int64_t>(uploads_.new_jobs());
  return counts;
}

int Jobs::id_in_use(std::string_view id, bool& used) const {
  used = uploads_.find_new(id).has_value();
  return used ? 0 : store_.has_id(id, used);
}

int Jobs::check_new_id(std::string_view id, int64_t except_ino) const {
  if (id.empty()) return EINVAL;
  if (id.size() > kMaxIdLength) return ENAMETOOLONG;
  if (std::optional<int64_t> ino = uploads_.find_new(id)) return *ino == except_ino ? 0 : EEXIST;
  Job other;
  int error = store_.find(id, other);
  if (error == ENOENT || (error == 0 && other.ino == except_ino)) return 0;
  return error == 0 ? EEXIST : error;
}

int Jobs::read(OpenJob& file, int64_t offset, int64_t size, std::string& bytes) const {
  bytes.clear();
  if (offset < 0 || size <= 0) return 0;
  if (file.view == OpenJob::View::kLog) {
    int error = read_log(file, offset, size, bytes);
    open_files_.note_log_read(file.ino, offset + static_cast<int64_t>(bytes.size()));
    return error;
  }
  std::string stored;
  const std::string* text = &stored;
  if (const Upload* upload = uploads_.find(file.ino)) {
    text = &upload->text;
  } else if (const OpenFiles::Unlinked* unlinked = open_files_.unlinked(file.ino)) {
    if (!unlinked->text) return ESTALE;
    text = &*unlinked->text;
  } else if (int error = store_.read_text(file.ino, stored)) {
    return error;
  }
  if (offset < static_cast<int64_t>(text->size())) {
    bytes = text->substr(static_cast<size_t>(offset), static_cast<size_t>(size));
  }
  return 0;
}

int Jobs::read_log(OpenJob& file, int64_t offset, int64_t size, std::string& bytes) const {
  if (file.live != nullptr) return file.live->read(store_, file.reader, offset, size, bytes);
  size = std::min(size, file.log_size - offset);
  return StoredLog(store_, file.log).read(offset, size, bytes);
}

}  // namespace filed
