#include "queue/store_reader.h"

#include <cerrno>

#include "queue/rows.h"

namespace filed {

// A query over many rows names its index, so that none walks through the whole table.
StoreReader::StoreReader(const std::string& path, std::span<const char* const> steps)
    : file_(path, steps) {
  next_number_ = file_.number("SELECT next_serial FROM state");
  load_owners();

  const std::string job = "SELECT " + job_columns();
  get_ = file_.prepare(job + " FROM jobs WHERE ino = ?");
  find_ = file_.prepare(job + " FROM jobs WHERE id = ?");
  has_id_ = file_.prepare("SELECT 1 FROM jobs WHERE id = ?");
  list_ =
      file_.prepare(job + " FROM jobs INDEXED BY jobs_dir WHERE dir = ? AND ino > ? ORDER BY ino");
  list_names_ = file_.prepare(
      "SELECT ino, id FROM jobs INDEXED BY jobs_dir WHERE dir = ? AND ino > ? ORDER BY ino");
  // Groups and shares are not in use yet.
  const std::string of_owner =
      " FROM jobs INDEXED BY jobs_claim WHERE claim AND uid = ? AND grp IS NULL AND share IS NULL";
  claimable_ = file_.prepare(job + ", text" + of_owner + " ORDER BY mtime, ino");
  next_owner_ = file_.prepare(
      "SELECT uid FROM jobs INDEXED BY jobs_claim WHERE claim AND uid > ? ORDER BY uid LIMIT 1");
  // Two queries, so that many jobs of one time are not read again for each of their places.
  keys_at_ = file_.prepare("SELECT mtime, ino" + of_owner +
                           " AND mtime = ? AND ino > ? ORDER BY ino LIMIT ?");
  keys_after_ =
      file_.prepare("SELECT mtime, ino" + of_owner + " AND mtime > ? ORDER BY mtime, ino LIMIT ?");
  oldest_ = file_.prepare(job +
                          " FROM jobs INDEXED BY jobs_ended WHERE dir = ? AND dir >= 2 "
                          "ORDER BY mtime LIMIT 1");
  read_text_ = file_.prepare("SELECT text FROM jobs WHERE ino = ?");
  read_chunk_ = file_.prepare("SELECT bytes FROM log WHERE key = ?");
  last_chunk_ = file_.prepare(
      "SELECT key, length(bytes) FROM log WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT 1");
}

void StoreReader::load_owners() {
  auto load = [this](const Statement::Use& row) {
    Counts counts;
    for (int i = 0; i < kDirs; ++i) counts.dir[static_cast<size_t>(i)] = row.integer(i + 1);
    counts.ready = row.integer(kDirs + 1);
    counts.bytes = row.integer(kDirs + 2);
    owners_.load(row.integer(0), counts);
  };
  read_each("SELECT uid, pending, active, failed, complete, ready, bytes FROM owners", load);
}

int StoreReader::get(int64_t ino, Job& job) const {
  Statement::Use use(get_);
  int rc = use.bind(ino).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : file_.read_errno(rc);
  read_job(use, job);
  return 0;
}

int StoreReader::find(std::string_view id, Job& job) const {
  Statement::Use use(find_);
  int rc = use.bind_blob(id).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : file_.read_errno(rc);
  read_job(use, job);
  return 0;
}

int StoreReader::has_id(std::string_view id, bool& found) const {
  Statement::Use use(has_id_);
  int rc = use.bind_blob(id).step();
  found = rc == SQLITE_ROW;
  return file_.read_errno(rc);
}

int StoreReader::list(Dir dir, int64_t after, const std::function<bool(const Job&)>& row) const {
  Statement::Use use(list_);
  use.bind(static_cast<int64_t>(dir)).bind(after);
  Job job;
  int rc;
  while ((rc = use.step()) == SQLITE_ROW) {
    read_job(use, job);
    if (!row(job)) return 0;
  }
  return file_.read_errno(rc);
}

int StoreReader::list_names(Dir dir, int64_t after,
                            const std::function<bool(const Job&)>& row) const {
  Statement::Use use(list_names_);
  use.bind(static_cast<int64_t>(dir)).bind(after);
  Job job;
  job.dir = dir;
  int rc;
  while ((rc = use.step()) == SQLITE_ROW) {
    job.ino = use.integer(0);
    job.id = use.bytes(1);
    if (!row(job)) return 0;
  }
  return file_.read_errno(rc);
}

int StoreReader::claimable(
    uid_t uid, const std::function<bool(const Job&, std::string_view text)>& row) const {
  Statement::Use use(claimable_);
  use.bind(uid);
  Job job;
  int rc;
  while ((rc = use.step()) == SQLITE_ROW) {
    int text = read_job(use, job);
    if (!row(job, use.bytes(text))) return 0;
  }
  return file_.read_errno(rc);
}

int StoreReader::claimable_owners(std::vector<uid_t>& owners) const {
  owners.clear();
  for (int64_t last = -1;;) {
    Statement::Use use(next_owner_);
    int rc = use.bind(last).step();
    if (rc != SQLITE_ROW) return file_.read_errno(rc);
    last = use.integer(0);
    owners.push_back(static_cast<uid_t>(last));
  }
}

int StoreReader::claimable_keys(uid_t uid, DueKey after, size_t most,
                                std::vector<DueKey>& keys) const {
  keys.clear();
  auto read = [&](Statement::Use& use) {
    int rc = use.bind(static_cast<int64_t>(most - keys.size())).step();
    for (; rc == SQLITE_ROW; rc = use.step()) keys.push_back({use.integer(0), use.integer(1)});
    return file_.read_errno(rc);
  };
  {
    Statement::Use use(keys_at_);
    use.bind(uid).bind(after.mtime_ns).bind(after.ino);
    if (int error = read(use)) return error;
  }
  if (keys.size() == most) return 0;
  Statement::Use use(keys_after_);
  use.bind(uid).bind(after.mtime_ns);
  return read(use);
}

int StoreReader::oldest(Dir dir, std::optional<Job>& job) const {
  job.reset();
  Statement::Use use(oldest_);
  int rc = use.bind(static_cast<int64_t>(dir)).step();
  if (rc == SQLITE_ROW) read_job(use, job.emplace());
  return file_.read_errno(rc);
}

int StoreReader::read_text(int64_t ino, std::string& text) const {
  Statement::Use use(read_text_);
  int rc = use.bind(ino).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : file_.read_errno(rc);
  text = use.bytes(0);
  return 0;
}

int StoreReader::read_chunk(int64_t log, int64_t chunk, int64_t offset, int64_t size,
                            std::string& bytes) const {
  bytes.clear();
  Statement::Use use(read_chunk_);
  int rc = use.bind(chunk_key(log, chunk)).step();
  if (rc != SQLITE_ROW) return file_.read_errno(rc);
  std::string_view all = use.bytes(0);
  if (offset < static_cast<int64_t>(all.size())) {
    bytes = all.substr(static_cast<size_t>(offset), static_cast<size_t>(size));
  }
  return 0;
}

int StoreReader::log_size(int64_t log, int64_t& size) const {
  size = 0;
  Statement::Use use(last_chunk_);
  int rc = use.bind(chunk_key(log, 0)).bind(chunk_key(log + 1, 0)).step();
  if (rc == SQLITE_ROW) size = (use.integer(0) - chunk_key(log, 0)) * kChunkSize + use.integer(1);
  return file_.read_errno(rc);
}

// All rows, for a start. Throws Error.
void StoreReader::read_each(const char* sql,
                            const std::function<void(const Statement::Use&)>& row) const {
  Statement read = file_.prepare(sql);
  Statement::Use use(read);
  int rc;
  while ((rc = use.step()) == SQLITE_ROW) row(use);
  if (rc != SQLITE_DONE) file_.fail(rc);
}

std::vector<KillPending> StoreReader::kill_pending() const {
  std::vector<KillPending> attempts;
  read_each("SELECT run, ino, id, uid, number FROM stopped", [&](const Statement::Use& row) {
    attempts.push_back({row.integer(0), row.integer(1), std::string(row.bytes(2)),
                        static_cast<uid_t>(row.integer(3)), static_cast<int>(row.integer(4))});
  });
  return attempts;
}

std::vector<LauncherRecord> StoreReader::launchers() const {
  std::vector<LauncherRecord> records;
  read_each("SELECT token, place, device, inode FROM launchers", [&](const Statement::Use& row) {
    records.push_back(
        {std::string(row.bytes(0)), std::string(row.bytes(1)), row.integer(2), row.integer(3)});
  });
  return records;
}

std::map<std::string, std::string> StoreReader::load_settings() const {
  std::map<std::string, std::string> settings;
  read_each("SELECT key, value FROM settings",
            [&](const Statement::Use& row) { settings.emplace(row.bytes(0), row.bytes(1)); });
  return settings;
}

std::map<std::string, StoreReader::DirectoryRights> StoreReader::load_directories() const {
  std::map<std::string, DirectoryRights> directories;
  read_each("SELECT name, mode, uid, gid FROM directories", [&](const Statement::Use& row) {
    directories[std::string(row.bytes(0))] = {static_cast<mode_t>(row.integer(1)),
                                              static_cast<uid_t>(row.integer(2)),
                                              static_cast<gid_t>(row.integer(3))};
  });
  return directories;
}

}  // namespace filed
