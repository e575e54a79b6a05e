#include "queue/store_reader.h"

#include <cerrno>

#include "queue/rows.h"

namespace filed {

// A query over many rows names its index, so that none walks through the whole table.
StoreReader::StoreReader(const std::string& path, std::span<const char* const> steps)
    : file_(path, steps) {
  next_number_ = file_.number("SELECT next_serial FROM state");
  counts_ = load_counts();

  const std::string job = "SELECT " + job_columns();
  get_ = file_.prepare(job + " FROM jobs WHERE ino = ?");
  find_ = file_.prepare(job + " FROM jobs WHERE id = ?");
  has_id_ = file_.prepare("SELECT 1 FROM jobs WHERE id = ?");
  list_ =
      file_.prepare(job + " FROM jobs INDEXED BY jobs_dir WHERE dir = ? AND ino > ? ORDER BY ino");
  list_names_ = file_.prepare(
      "SELECT ino, id FROM jobs INDEXED BY jobs_dir WHERE dir = ? AND ino > ? ORDER BY ino");
  due_ = file_.prepare(job +
                       ", text FROM jobs INDEXED BY jobs_due WHERE ready AND mtime <= ? "
                       "ORDER BY mtime, ino");
  next_due_ = file_.prepare(
      "SELECT mtime FROM jobs INDEXED BY jobs_due WHERE ready AND mtime > ? "
      "ORDER BY mtime LIMIT 1");
  count_waiting_ =
      file_.prepare("SELECT count(*) FROM jobs INDEXED BY jobs_due WHERE ready AND mtime > ?");
  oldest_ = file_.prepare(job +
                          " FROM jobs INDEXED BY jobs_ended WHERE dir = ? AND dir >= 2 "
                          "ORDER BY mtime LIMIT 1");
  read_text_ = file_.prepare("SELECT text FROM jobs WHERE ino = ?");
  read_chunk_ = file_.prepare("SELECT bytes FROM log WHERE key = ?");
  last_chunk_ = file_.prepare(
      "SELECT key, length(bytes) FROM log WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT 1");
}

Counts StoreReader::load_counts() const {
  Statement read = file_.prepare("SELECT pending, active, failed, complete, ready FROM counts");
  Statement::Use use(read);
  int rc = use.step();
  if (rc != SQLITE_ROW) file_.fail(rc);
  Counts counts;
  for (int i = 0; i < kDirs; ++i) counts.dir[static_cast<size_t>(i)] = use.integer(i);
  counts.ready = use.integer(kDirs);
  return counts;
}

int StoreReader::get(int64_t ino, Job& job) const {
  Statement::Use use(get_);
  int rc = use.bind(ino).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : errno_of(rc);
  read_job(use, job);
  return 0;
}

int StoreReader::find(std::string_view id, Job& job) const {
  Statement::Use use(find_);
  int rc = use.bind_blob(id).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : errno_of(rc);
  read_job(use, job);
  return 0;
}

bool StoreReader::has_id(std::string_view id) const {
  Statement::Use use(has_id_);
  return use.bind_blob(id).step() == SQLITE_ROW;
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
  return errno_of(rc);
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
  return errno_of(rc);
}

int StoreReader::due(int64_t now_ns,
                     const std::function<bool(const Job&, std::string_view text)>& row) const {
  Statement::Use use(due_);
  use.bind(now_ns);
  Job job;
  int rc;
  while ((rc = use.step()) == SQLITE_ROW) {
    int text = read_job(use, job);
    if (!row(job, use.bytes(text))) return 0;
  }
  return errno_of(rc);
}

std::optional<int64_t> StoreReader::next_due(int64_t after_ns) const {
  Statement::Use use(next_due_);
  if (use.bind(after_ns).step() != SQLITE_ROW) return std::nullopt;
  return use.integer(0);
}

int64_t StoreReader::count_waiting(int64_t now_ns) const {
  Statement::Use use(count_waiting_);
  return use.bind(now_ns).step() == SQLITE_ROW ? use.integer(0) : 0;
}

std::optional<int64_t> StoreReader::oldest(Dir dir, Job* job) const {
  Statement::Use use(oldest_);
  if (use.bind(static_cast<int64_t>(dir)).step() != SQLITE_ROW) return std::nullopt;
  Job found;
  read_job(use, found);
  int64_t ended_ns = found.mtime_ns;
  if (job != nullptr) *job = std::move(found);
  return ended_ns;
}

int StoreReader::read_text(int64_t ino, std::string& text) const {
  Statement::Use use(read_text_);
  int rc = use.bind(ino).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : errno_of(rc);
  text = use.bytes(0);
  return 0;
}

int StoreReader::read_chunk(int64_t log, int64_t chunk, int64_t offset, int64_t size,
                            std::string& bytes) const {
  bytes.clear();
  Statement::Use use(read_chunk_);
  int rc = use.bind(chunk_key(log, chunk)).step();
  if (rc != SQLITE_ROW) return errno_of(rc);
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
  return errno_of(rc);
}

std::vector<KillPending> StoreReader::kill_pending() const {
  std::vector<KillPending> attempts;
  Statement read = file_.prepare("SELECT run, ino, id, uid, number FROM stopped");
  Statement::Use use(read);
  while (use.step() == SQLITE_ROW) {
    attempts.push_back({use.integer(0), use.integer(1), std::string(use.bytes(2)),
                        static_cast<uid_t>(use.integer(3)), static_cast<int>(use.integer(4))});
  }
  return attempts;
}

std::vector<LauncherRecord> StoreReader::launchers() const {
  std::vector<LauncherRecord> records;
  Statement read = file_.prepare("SELECT token, place, device, inode FROM launchers");
  Statement::Use use(read);
  while (use.step() == SQLITE_ROW) {
    records.push_back(
        {std::string(use.bytes(0)), std::string(use.bytes(1)), use.integer(2), use.integer(3)});
  }
  return records;
}

std::map<std::string, std::string> StoreReader::load_settings() const {
  std::map<std::string, std::string> settings;
  Statement read = file_.prepare("SELECT key, value FROM settings");
  Statement::Use use(read);
  while (use.step() == SQLITE_ROW) settings.emplace(use.bytes(0), use.bytes(1));
  return settings;
}

std::map<std::string, StoreReader::DirectoryRights> StoreReader::load_directories() const {
  std::map<std::string, DirectoryRights> directories;
  Statement read = file_.prepare("SELECT name, mode, uid, gid FROM directories");
  Statement::Use use(read);
  while (use.step() == SQLITE_ROW) {
    directories[std::string(use.bytes(0))] = {static_cast<mode_t>(use.integer(1)),
                                              static_cast<uid_t>(use.integer(2)),
                                              static_cast<gid_t>(use.integer(3))};
  }
  return directories;
}

}  // namespace filed
