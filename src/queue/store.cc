// The schema, and how it is used:
//
// jobs      one row a job. `ready` marks what may be claimed; the partial index jobs_due holds
// those in
//           the order in which they run, jobs_dir lists a directory, jobs_ended finds what has been
//           kept long enough.
// log       the logs, in chunks of 64 KiB. The key is the log's number and the chunk's, so that a
// log is
//           a range of rows and needs no index of its own.
// discarded logs that are to be removed once nobody reads them.
// stopped   runs that were told to end, and have not been seen to.
// counts    how many jobs there are, so that neither a start nor a statfs has to count them.
// state     numbers below next_serial may have been given; in_use is set between a start and its
// stop. directories  whose mode or owner was changed on the mount. settings  what config.ini has
// set.
//
// The file is locked for as long as it is open (locking_mode=EXCLUSIVE): a second filed is refused,
// and the write-ahead log needs no shared memory.
#include "queue/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"

namespace filed {
namespace {

constexpr int kApplicationId = 0x66696c64;  // "fild"

// Each string takes the schema one version further. What was released is never edited: a change of
// the schema is a new string.
constexpr const char* kSchema[] = {
    R"(
    CREATE TABLE jobs(
      ino INTEGER PRIMARY KEY,
      id BLOB NOT NULL UNIQUE,
      dir INTEGER NOT NULL,
      ready INTEGER NOT NULL,
      mode INTEGER NOT NULL,
      uid INTEGER NOT NULL,
      gid INTEGER NOT NULL,
      mtime INTEGER NOT NULL,
      atime INTEGER,
      ctime INTEGER,
      submitted INTEGER NOT NULL,
      attempts INTEGER,
      log INTEGER,
      log_size INTEGER,
      wait_status INTEGER,
      cause TEXT,
      started INTEGER,
      finished INTEGER,
      cpu_us INTEGER,
      maxrss_kb INTEGER,
      text BLOB NOT NULL
    );
    CREATE INDEX jobs_dir ON jobs(dir);
    CREATE INDEX jobs_due ON jobs(mtime) WHERE ready;
    CREATE INDEX jobs_ended ON jobs(dir, mtime) WHERE dir >= 2;
    CREATE TABLE log(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE discarded(log INTEGER PRIMARY KEY);
    CREATE TABLE counts(
      pending INTEGER NOT NULL, active INTEGER NOT NULL,
      failed INTEGER NOT NULL, complete INTEGER NOT NULL, ready INTEGER NOT NULL
    );
    INSERT INTO counts VALUES(0, 0, 0, 0, 0);
    CREATE TABLE state(next_serial INTEGER NOT NULL, in_use INTEGER NOT NULL);
    INSERT INTO state VALUES(1000, 0);
    CREATE TABLE directories(
      name TEXT PRIMARY KEY, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    )",
    R"(
    CREATE TABLE stopped(run INTEGER PRIMARY KEY);
    )",
};

constexpr int64_t kSerialsAtOnce = 1000;  // recorded ahead, so that few numbers cost a write
constexpr int kChunkBits = 23;            // 2^23 chunks of 64 KiB: a log of 512 GiB
// The write-ahead log is moved into the file when it has so many pages (4 MiB) and nothing else is
// to be done, or at the latest at four times that.
constexpr int kCheckpointPages = 1000;
constexpr int kMostWalPages = 4 * kCheckpointPages;
// Free pages are given back to the disk, some at a time, but for those that the next jobs will
// need.
constexpr const char* kVacuumStep = "PRAGMA incremental_vacuum(256)";
constexpr int64_t kSparePages = 256;
// Of the disk's last bytes so many are left to changes that add nothing.
constexpr int64_t kReservedRoom = 256 << 10;
// With less than that the disk is looked at for each commit.
constexpr int64_t kLowRoom = 8 << 20;

#define FILED_JOB_COLUMNS                                                                       \
  "ino, id, dir, mode, uid, gid, length(text), mtime, atime, ctime, submitted, attempts, log, " \
  "log_size, wait_status, cause, started, finished, cpu_us, maxrss_kb"
constexpr int kTextColumn = 20;  // what follows the columns above

// A time that equals the mtime, as most do, is stored as NULL.
int64_t time_or(const Statement::Use& row, int column, int64_t otherwise) {
  return row.is_null(column) ? otherwise : row.integer(column);
}

void read_job(const Statement::Use& row, Job& job) {
  job.ino = row.integer(0);
  job.id = row.bytes(1);
  job.dir = static_cast<Dir>(row.integer(2));
  job.mode = static_cast<mode_t>(row.integer(3));
  job.uid = static_cast<uid_t>(row.integer(4));
  job.gid = static_cast<gid_t>(row.integer(5));
  job.text_size = row.integer(6);
  job.mtime_ns = row.integer(7);
  job.submitted_ns = row.integer(10);
  job.atime_ns = time_or(row, 8, job.submitted_ns);
  job.ctime_ns = time_or(row, 9, job.submitted_ns);
  job.attempts = static_cast<int>(row.integer(11));
  job.log = row.integer(12);
  job.log_size = row.integer(13);
  job.outcome = {};
  if (!row.is_null(14)) job.outcome.wait_status = static_cast<int>(row.integer(14));
  job.outcome.cause = row.bytes(15);
  job.outcome.started_ns = row.integer(16);
  job.outcome.finished_ns = row.integer(17);
  job.outcome.cpu_us = row.integer(18);
  job.outcome.maxrss_kb = row.integer(19);
  job.removed = false;
}

// The changeable columns, in the order of the statements below.
void bind_job(Statement::Use& use, const Job& job) {
  use.bind_blob(job.id)
      .bind(static_cast<int64_t>(job.dir))
      .bind(job.runnable())
      .bind(job.mode)
      .bind(job.uid)
      .bind(job.gid)
      .bind(job.mtime_ns);
  job.atime_ns == job.submitted_ns ? use.bind_null() : use.bind(job.atime_ns);
  job.ctime_ns == job.submitted_ns ? use.bind_null() : use.bind(job.ctime_ns);
  use.bind_or_null(job.attempts).bind_or_null(job.log).bind_or_null(job.log_size);
  const Outcome& outcome = job.outcome;
  outcome.wait_status ? use.bind(*outcome.wait_status) : use.bind_null();
  outcome.cause.empty() ? use.bind_null() : use.bind_text(outcome.cause);
  use.bind_or_null(outcome.started_ns)
      .bind_or_null(outcome.finished_ns)
      .bind_or_null(outcome.cpu_us)
      .bind_or_null(outcome.maxrss_kb);
}

int64_t chunk_key(int64_t log, int64_t chunk) { return log << kChunkBits | chunk; }

int to_errno(int rc) {
  switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return 0;
    case SQLITE_FULL:
      return ENOSPC;
    case SQLITE_NOMEM:
      return ENOMEM;
    case SQLITE_READONLY:
      return EROFS;
    case SQLITE_BUSY:
      return EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return EUCLEAN;
    case SQLITE_TOOBIG:
      return EFBIG;
    case SQLITE_CONSTRAINT:
      return EEXIST;
    default:
      return EIO;
  }
}

[[noreturn]] void throw_sqlite(const std::string& path, sqlite3* db, int rc) {
  switch (rc & 0xff) {
    case SQLITE_BUSY:
      throw Error(path + ": in use by another filed");
    case SQLITE_NOTADB:
      throw Error(path + ": not a filed state file");
    case SQLITE_CORRUPT:
      throw Error(path + ": damaged (" + sqlite3_errmsg(db) +
                  "); move it away, or save what can be saved with sqlite3's .recover");
    case SQLITE_CANTOPEN: {
      // The file itself could be opened; SQLite's words for its log are "unable to open database
      // file".
      std::string wal = path + "-wal";
      if (!Fd(::open(wal.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600))) throw_errno(wal);
      throw Error(path + ": " + sqlite3_errmsg(db));
    }
    default:
      throw Error(path + ": " + sqlite3_errmsg(db));
  }
}

void exec(const std::string& path, sqlite3* db, const char* sql) {
  int rc = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) throw_sqlite(path, db, rc);
}

int64_t pragma(const std::string& path, sqlite3* db, const char* sql) {
  sqlite3_stmt* stmt = nullptr;
  int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, nullptr);
  Statement statement(stmt);
  if (rc != SQLITE_OK) throw_sqlite(path, db, rc);
  Statement::Use use(statement);
  rc = use.step();
  if (rc != SQLITE_ROW) throw_sqlite(path, db, rc == SQLITE_DONE ? SQLITE_ERROR : rc);
  return use.integer(0);
}

}  // namespace

Store::Store(const std::string& path) : Store(path, kSchema) {}

Store::Store(const std::string& path, std::span<const char* const> schema) : path_(path) {
  open_file();
  int64_t version = check_file(schema.size());
  set_up();
  migrate(version, schema);
  load();
}

void Store::open_file() {
  // SQLite's own answer to all of these is "unable to open database file".
  Fd probe(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!probe) throw_errno(path_);
  struct stat st {};
  if (fstat(probe.get(), &st) == 0 && !S_ISREG(st.st_mode)) {
    throw Error(path_ + ": not a regular file");
  }
  // Closed before SQLite takes its locks: closing any descriptor of a file drops its POSIX locks.
  probe.reset();
  std::string folder = folder_of(path_);
  folder_.reset(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) throw_errno(folder);

  int rc =
      sqlite3_open_v2(path_.c_str(), &db_.handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  if (rc != SQLITE_OK) throw_sqlite(path_, db_, rc);
  sqlite3_extended_result_codes(db_, 1);
  exec(path_, db_, "PRAGMA locking_mode = EXCLUSIVE");
}

void Store::set_up() {
  exec(path_, db_, "PRAGMA journal_mode = WAL");
  exec(path_, db_, "PRAGMA synchronous = FULL");
  exec(path_, db_, "PRAGMA wal_autocheckpoint = 0");  // tidy() does it, outside the hot turn
  exec(path_, db_, "PRAGMA journal_size_limit = 16777216");
  exec(path_, db_, "PRAGMA temp_store = MEMORY");
  exec(path_, db_, "BEGIN IMMEDIATE");  // takes the lock now, for good
  exec(path_, db_, "COMMIT");
  sqlite3_wal_hook(
      db_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Store*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

// Before anything is written: what is not filed's, or a newer filed's, stays as it is.
int64_t Store::check_file(size_t newest) {
  int64_t application = pragma(path_, db_, "PRAGMA application_id");
  int64_t version = pragma(path_, db_, "PRAGMA user_version");
  bool empty = pragma(path_, db_, "SELECT count(*) FROM sqlite_master") == 0;
  if (application != kApplicationId && !(application == 0 && empty)) {
    throw Error(path_ + ": not a filed state file");
  }
  if (version > static_cast<int64_t>(newest)) {
    throw Error(path_ + ": written by a newer filed (schema " + std::to_string(version) +
                ", this one knows " + std::to_string(newest) + ")");
  }
  if (empty) exec(path_, db_, "PRAGMA auto_vacuum = INCREMENTAL");
  return version;
}

void Store::migrate(int64_t version, std::span<const char* const> schema) {
  auto newest = static_cast<int64_t>(schema.size());
  if (version == newest) return;
  exec(path_, db_, "BEGIN IMMEDIATE");
  for (int64_t step = version; step < newest; ++step) {
    exec(path_, db_, schema[static_cast<size_t>(step)]);
  }
  std::string done = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                     "; PRAGMA user_version = " + std::to_string(newest) + "; COMMIT";
  exec(path_, db_, done.c_str());
  if (version > 0) {
    log_info("%s: schema brought from version %lld to %lld", path_.c_str(),
             static_cast<long long>(version), static_cast<long long>(newest));
  }
}

void Store::load() {
  was_interrupted_ = pragma(path_, db_, "SELECT in_use FROM state") != 0;
  if (was_interrupted_) {
    // What a crash of filed leaves is sound; this finds what a crash of the disk has done.
    Statement check = prepare("PRAGMA quick_check(1)");
    Statement::Use use(check);
    int rc = use.step();
    if (rc != SQLITE_ROW) throw_sqlite(path_, db_, rc);
    if (use.bytes(0) != "ok") {
      throw Error(path_ + ": damaged (" + escaped(use.bytes(0)) +
                  "); move it away, or save what can be saved with sqlite3's .recover");
    }
  }
  next_serial_ = reserved_ = reserved_saved_ = pragma(path_, db_, "SELECT next_serial FROM state");
  {
    Statement read = prepare("SELECT pending, active, failed, complete, ready FROM counts");
    Statement::Use use(read);
    int rc = use.step();
    if (rc != SQLITE_ROW) throw_sqlite(path_, db_, rc);
    for (int i = 0; i < kDirs; ++i) counts_.dir[static_cast<size_t>(i)] = use.integer(i);
    counts_.ready = use.integer(kDirs);
    counts_saved_ = counts_;
  }

  begin_ = prepare("BEGIN IMMEDIATE");
  commit_ = prepare("COMMIT");
  rollback_ = prepare("ROLLBACK");
  get_ = prepare("SELECT " FILED_JOB_COLUMNS " FROM jobs WHERE ino = ?");
  find_ = prepare("SELECT " FILED_JOB_COLUMNS " FROM jobs WHERE id = ?");
  has_id_ = prepare("SELECT 1 FROM jobs WHERE id = ?");
  list_ = prepare("SELECT " FILED_JOB_COLUMNS
                  " FROM jobs INDEXED BY jobs_dir WHERE dir = ? AND ino > ? ORDER BY ino");
  list_names_ = prepare(
      "SELECT ino, id FROM jobs INDEXED BY jobs_dir WHERE dir = ? AND ino > ? ORDER BY ino");
  due_ = prepare("SELECT " FILED_JOB_COLUMNS
                 ", text FROM jobs INDEXED BY jobs_due WHERE ready AND mtime <= ? "
                 "ORDER BY mtime, ino");
  next_due_ = prepare(
      "SELECT mtime FROM jobs INDEXED BY jobs_due WHERE ready AND mtime > ? "
      "ORDER BY mtime LIMIT 1");
  count_waiting_ =
      prepare("SELECT count(*) FROM jobs INDEXED BY jobs_due WHERE ready AND mtime > ?");
  oldest_ = prepare("SELECT " FILED_JOB_COLUMNS
                    " FROM jobs INDEXED BY jobs_ended WHERE dir = ? AND dir >= 2 "
                    "ORDER BY mtime LIMIT 1");
  read_text_ = prepare("SELECT text FROM jobs WHERE ino = ?");
  read_chunk_ = prepare("SELECT bytes FROM log WHERE key = ?");
  last_chunk_ = prepare(
      "SELECT key, length(bytes) FROM log WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT 1");
  insert_ = prepare(
      "INSERT INTO jobs(id, dir, ready, mode, uid, gid, mtime, atime, ctime, attempts, log, "
      "log_size, wait_status, cause, started, finished, cpu_us, maxrss_kb, ino, submitted, text) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  update_ = prepare(
      "UPDATE jobs SET id = ?, dir = ?, ready = ?, mode = ?, uid = ?, gid = ?, mtime = ?, "
      "atime = ?, ctime = ?, attempts = ?, log = ?, log_size = ?, wait_status = ?, cause = ?, "
      "started = ?, finished = ?, cpu_us = ?, maxrss_kb = ? WHERE ino = ?");
  set_text_ = prepare(
      "UPDATE jobs SET id = ?, dir = ?, ready = ?, mode = ?, uid = ?, gid = ?, mtime = ?, "
      "atime = ?, ctime = ?, attempts = ?, log = ?, log_size = ?, wait_status = ?, cause = ?, "
      "started = ?, finished = ?, cpu_us = ?, maxrss_kb = ?, text = ? WHERE ino = ?");
  remove_ = prepare("DELETE FROM jobs WHERE ino = ?");
  put_chunk_ = prepare("INSERT OR REPLACE INTO log(key, bytes) VALUES(?, ?)");
  remove_log_ = prepare("DELETE FROM log WHERE key >= ? AND key < ?");
  defer_log_ = prepare("INSERT OR IGNORE INTO discarded(log) VALUES(?)");
  undefer_log_ = prepare("DELETE FROM discarded WHERE log = ?");
  add_stopped_ = prepare("INSERT INTO stopped(run) VALUES(?)");
  remove_stopped_ = prepare("DELETE FROM stopped WHERE run = ?");
  save_counts_ =
      prepare("UPDATE counts SET pending = ?, active = ?, failed = ?, complete = ?, ready = ?");
  free_pages_ = prepare("PRAGMA freelist_count");
  save_serial_ = prepare("UPDATE state SET next_serial = ?");
  clear_settings_ = prepare("DELETE FROM settings");
  save_directory_ =
      prepare("INSERT OR REPLACE INTO directories(name, mode, uid, gid) VALUES(?, ?, ?, ?)");
  save_setting_ = prepare("INSERT INTO settings(key, value) VALUES(?, ?)");

  exec(path_, db_,
       "BEGIN IMMEDIATE;"
       "UPDATE state SET in_use = 1;"
       // 8388608 is 2^23, the number of chunks that a log may have.
       "DELETE FROM log WHERE key IN (SELECT l.key FROM discarded d JOIN log l"
       "  ON l.key >= d.log * 8388608 AND l.key < (d.log + 1) * 8388608);"
       "DELETE FROM discarded;"
       "COMMIT");
  static_assert(1 << kChunkBits == 8388608);
}

Statement Store::prepare(const char* sql) {
  sqlite3_stmt* stmt = nullptr;
  int rc = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
  if (rc != SQLITE_OK) throw_sqlite(path_, db_, rc);
  return Statement(stmt);
}

void Store::set_durability(Durability durability) {
  // Not possible within a transaction; the queue calls it between two.
  if (open_ || durability_ == durability) return;
  durability_ = durability;
  sqlite3_exec(
      db_,
      durability == Durability::kFull ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
      nullptr, nullptr, nullptr);
}

int Store::close() {
  rollback();
  std::string sql = "BEGIN IMMEDIATE; UPDATE state SET in_use = 0, next_serial = " +
                    std::to_string(next_serial_) + "; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)";
  int error = to_errno(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr));
  return error == EIO ? why_no_write() : error;
}

// --- reads

int Store::get(int64_t ino, Job& job) {
  Statement::Use use(get_);
  int rc = use.bind(ino).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : to_errno(rc);
  read_job(use, job);
  return 0;
}

int Store::find(std::string_view id, Job& job) {
  Statement::Use use(find_);
  int rc = use.bind_blob(id).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : to_errno(rc);
  read_job(use, job);
  return 0;
}

bool Store::has_id(std::string_view id) {
  Statement::Use use(has_id_);
  return use.bind_blob(id).step() == SQLITE_ROW;
}

int Store::list(Dir dir, int64_t after, const std::function<bool(const Job&)>& row) {
  Statement::Use use(list_);
  use.bind(static_cast<int64_t>(dir)).bind(after);
  Job job;
  int rc;
  while ((rc = use.step()) == SQLITE_ROW) {
    read_job(use, job);
    if (!row(job)) return 0;
  }
  return to_errno(rc);
}

int Store::list_names(Dir dir, int64_t after, const std::function<bool(const Job&)>& row) {
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
  return to_errno(rc);
}

int Store::due(int64_t now_ns, const std::function<bool(const Job&, std::string_view text)>& row) {
  Statement::Use use(due_);
  use.bind(now_ns);
  Job job;
  int rc;
  while ((rc = use.step()) == SQLITE_ROW) {
    read_job(use, job);
    if (!row(job, use.bytes(kTextColumn))) return 0;
  }
  return to_errno(rc);
}

std::optional<int64_t> Store::next_due(int64_t after_ns) {
  Statement::Use use(next_due_);
  if (use.bind(after_ns).step() != SQLITE_ROW) return std::nullopt;
  return use.integer(0);
}

int64_t Store::count_waiting(int64_t now_ns) {
  Statement::Use use(count_waiting_);
  return use.bind(now_ns).step() == SQLITE_ROW ? use.integer(0) : 0;
}

std::optional<int64_t> Store::oldest(Dir dir, Job* job) {
  Statement::Use use(oldest_);
  if (use.bind(static_cast<int64_t>(dir)).step() != SQLITE_ROW) return std::nullopt;
  if (job != nullptr) read_job(use, *job);
  return use.integer(7);
}

int Store::read_text(int64_t ino, std::string& text) {
  Statement::Use use(read_text_);
  int rc = use.bind(ino).step();
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? ENOENT : to_errno(rc);
  text = use.bytes(0);
  return 0;
}

int Store::read_chunk(int64_t log, int64_t chunk, int64_t offset, int64_t size,
                      std::string& bytes) {
  bytes.clear();
  Statement::Use use(read_chunk_);
  int rc = use.bind(chunk_key(log, chunk)).step();
  if (rc != SQLITE_ROW) return to_errno(rc);
  std::string_view all = use.bytes(0);
  if (offset < static_cast<int64_t>(all.size())) {
    bytes = all.substr(static_cast<size_t>(offset), static_cast<size_t>(size));
  }
  return 0;
}

int Store::log_size(int64_t log, int64_t& size) {
  size = 0;
  Statement::Use use(last_chunk_);
  int rc = use.bind(chunk_key(log, 0)).bind(chunk_key(log + 1, 0)).step();
  if (rc == SQLITE_ROW) size = (use.integer(0) - chunk_key(log, 0)) * kChunkSize + use.integer(1);
  return to_errno(rc);
}

std::vector<int64_t> Store::kill_pending() {
  std::vector<int64_t> runs;
  Statement read = prepare("SELECT run FROM stopped");
  Statement::Use use(read);
  while (use.step() == SQLITE_ROW) runs.push_back(use.integer(0));
  return runs;
}

std::map<std::string, std::string> Store::load_settings() {
  std::map<std::string, std::string> settings;
  Statement read = prepare("SELECT key, value FROM settings");
  Statement::Use use(read);
  while (use.step() == SQLITE_ROW) settings.emplace(use.bytes(0), use.bytes(1));
  return settings;
}

std::map<std::string, Store::DirectoryRights> Store::load_directories() {
  std::map<std::string, DirectoryRights> directories;
  Statement read = prepare("SELECT name, mode, uid, gid FROM directories");
  Statement::Use use(read);
  while (use.step() == SQLITE_ROW) {
    directories[std::string(use.bytes(0))] = {static_cast<mode_t>(use.integer(1)),
                                              static_cast<uid_t>(use.integer(2)),
                                              static_cast<gid_t>(use.integer(3))};
  }
  return directories;
}

// --- changes

int Store::result(int rc) {
  int error = to_errno(rc);
  if (error == EIO) error = why_no_write();
  if (error != 0) failed_ = error;
  return error;
}

// SQLite takes a quota, or a disk that has become read-only, for any other failure of a write.
int Store::why_no_write() {
  sqlite3_file* log = nullptr;
  int error = 0;
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
      log != nullptr && log->pMethods != nullptr) {
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
  }
  return error == EROFS || error == EDQUOT ? error : EIO;
}

int Store::begin() {
  if (failed_ != 0) return failed_;
  if (open_) return 0;
  int rc = Statement::Use(begin_).step();
  if (rc == SQLITE_DONE) open_ = true;
  return result(rc);
}

int Store::step_change(Statement& statement) { return result(Statement::Use(statement).step()); }

void Store::count(const Job& job, int64_t by) {
  counts_.of(job.dir) += by;
  if (job.runnable()) counts_.ready += by;
}

void Store::stage(const Job& job) {
  staged_inos_.insert(job.ino);
  staged_ids_.insert(std::hash<std::string_view>()(job.id));
}

int Store::reserve_sequence_numbers() {
  if (next_serial_ <= reserved_) return 0;
  if (int error = begin()) return error;
  reserved_ = next_serial_ + kSerialsAtOnce;
  Statement::Use use(save_serial_);
  return result(use.bind(reserved_).step());
}

int Store::insert(const Job& job, std::string_view text) {
  if (int error = begin()) return error;
  if (int error = reserve_sequence_numbers()) return error;
  stage(job);
  Statement::Use use(insert_);
  bind_job(use, job);
  int error = result(use.bind(job.ino).bind(job.submitted_ns).bind_blob(text).step());
  added_ += static_cast<int64_t>(text.size());
  if (error == 0) count(job, 1);
  return error;
}

int Store::update(const Job& before, const Job& job) {
  if (int error = begin()) return error;
  if (int error = reserve_sequence_numbers()) return error;
  stage(before);
  stage(job);
  Statement::Use use(update_);
  bind_job(use, job);
  if (int error = result(use.bind(job.ino).step())) return error;
  count(before, -1);
  count(job, 1);
  return 0;
}

int Store::set_text(const Job& before, const Job& job, std::string_view text) {
  if (int error = begin()) return error;
  stage(before);
  stage(job);
  Statement::Use use(set_text_);
  bind_job(use, job);
  if (int error = result(use.bind_blob(text).bind(job.ino).step())) return error;
  added_ += static_cast<int64_t>(text.size());
  count(before, -1);
  count(job, 1);
  return 0;
}

int Store::remove(const Job& job) {
  if (int error = begin()) return error;
  stage(job);
  Statement::Use use(remove_);
  if (int error = result(use.bind(job.ino).step())) return error;
  may_shrink_ = true;
  count(job, -1);
  return 0;
}

int Store::put_chunk(int64_t log, int64_t chunk, std::string_view bytes) {
  if (int error = begin()) return error;
  added_ += static_cast<int64_t>(bytes.size());
  Statement::Use use(put_chunk_);
  return result(use.bind(chunk_key(log, chunk)).bind_blob(bytes).step());
}

int Store::remove_log(int64_t log) {
  if (int error = begin()) return error;
  may_shrink_ = true;
  Statement::Use use(remove_log_);
  return result(use.bind(chunk_key(log, 0)).bind(chunk_key(log + 1, 0)).step());
}

int Store::defer_log_removal(int64_t log) {
  if (int error = begin()) return error;
  Statement::Use use(defer_log_);
  return result(use.bind(log).step());
}

int Store::remove_deferred_log(int64_t log) {
  if (int error = remove_log(log)) return error;
  Statement::Use use(undefer_log_);
  return result(use.bind(log).step());
}

int Store::add_kill_pending(int64_t run) {
  if (int error = begin()) return error;
  Statement::Use use(add_stopped_);
  return result(use.bind(run).step());
}

int Store::remove_kill_pending(int64_t run) {
  if (int error = begin()) return error;
  Statement::Use use(remove_stopped_);
  return result(use.bind(run).step());
}

int Store::save_settings(const std::map<std::string, std::string>& settings) {
  if (int error = begin()) return error;
  if (int error = step_change(clear_settings_)) return error;
  for (const auto& [key, value] : settings) {
    Statement::Use use(save_setting_);
    if (int error = result(use.bind_text(key).bind_text(value).step())) return error;
  }
  return 0;
}

int Store::save_directory(const std::string& name, const DirectoryRights& rights) {
  if (int error = begin()) return error;
  Statement::Use use(save_directory_);
  return result(use.bind_text(name).bind(rights.mode).bind(rights.uid).bind(rights.gid).step());
}

// --- the transaction

int Store::commit(bool use_reserve) {
  if (!open_) return std::exchange(failed_, 0);
  if (failed_ == 0 && counts_ != counts_saved_) {
    Statement::Use use(save_counts_);
    for (int64_t number : counts_.dir) use.bind(number);
    result(use.bind(counts_.ready).step());
  }
  if (failed_ == 0 && added_ > 0 && !has_room(added_) && !use_reserve) {
    log_error("%s: the disk is nearly full; what is left is kept for removals", path_.c_str());
    rollback();
    return ENOSPC;
  }
  if (failed_ == 0) step_change(commit_);
  int error = failed_;
  if (error != 0) {
    log_error("%s: %s (%s)", path_.c_str(), strerror(error), sqlite3_errmsg(db_));
    rollback();
    return error;
  }
  counts_saved_ = counts_;
  reserved_saved_ = reserved_;
  end_transaction();
  return 0;
}

void Store::end_transaction() {
  open_ = false;
  added_ = 0;
  staged_inos_.clear();
  staged_ids_.clear();
}

void Store::rollback() {
  // SQLite may have ended the transaction by itself, as it does when the disk is full.
  if (sqlite3_get_autocommit(db_) == 0) Statement::Use(rollback_).step();
  end_transaction();
  failed_ = 0;
  counts_ = counts_saved_;
  reserved_ = reserved_saved_;
}

// A removal, too, is written to the log first, and the log can only begin anew when all of it has
// found its place in the file. So what adds to the file is refused while there is still room for
// both: else a full disk could not even be cleared up.
bool Store::has_room(int64_t bytes) {
  if (room_ - 2 * bytes < kLowRoom) {
    struct statvfs st {};
    if (disk(st) != 0) return true;
    constexpr int64_t kPageSize = 4096;
    int64_t free_pages = 0;
    Statement::Use use(free_pages_);
    if (use.step() == SQLITE_ROW) free_pages = use.integer(0);
    room_ = static_cast<int64_t>(st.f_bavail) * static_cast<int64_t>(st.f_frsize) +
            (free_pages - wal_pages_) * kPageSize;
  }
  room_ -= 2 * bytes;
  room_is_low_ = room_ < kLowRoom;
  return room_ >= kReservedRoom;
}

bool Store::tidy(bool idle) {
  if (open_) return true;
  int most_pages = room_is_low_ ? 1 : idle ? kCheckpointPages : kMostWalPages;
  if (wal_pages_ >= most_pages) {
    checkpoint();
    return may_shrink_;
  }
  if (!idle || !may_shrink_) return wal_pages_ >= kCheckpointPages || may_shrink_;

  int64_t free_pages = 0;
  {
    Statement::Use use(free_pages_);
    if (use.step() == SQLITE_ROW) free_pages = use.integer(0);
  }
  may_shrink_ = free_pages > kSparePages;
  if (may_shrink_) {
    int rc = sqlite3_exec(db_, kVacuumStep, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) {
      log_warning("%s: giving room back: %s", path_.c_str(), sqlite3_errmsg(db_));
      may_shrink_ = false;
    }
    shrunk_ = true;
  } else if (std::exchange(shrunk_, false)) {
    checkpoint();  // the file ends earlier only when the log has been moved into it
  }
  return may_shrink_ || shrunk_;
}

void Store::checkpoint() {
  int rc = sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  // Also if it has failed: the next commit tells how many there are, and it is tried then, not at
  // once.
  wal_pages_ = 0;
  if (rc != SQLITE_OK) log_warning("%s: checkpoint: %s", path_.c_str(), sqlite3_errmsg(db_));
}

}  // namespace filed
