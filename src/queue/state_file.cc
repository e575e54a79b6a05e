// The schema:
//
// jobs         One row a job. `ready` is 1 if the job may be claimed. The partial index jobs_due
//              has those in the order in which they run. jobs_dir lists a directory. jobs_ended
//              finds the jobs that ended first.
// log          The logs in chunks of 64 KiB. The key is the log's number and the chunk's number,
//              so a log is a range of rows and needs no index.
// discarded    Logs to be removed when their last reader closes, or at the next start.
// stopped      Attempts that no longer belong to a job, while their processes are being killed; and
//              the jobs that they were of, which wait until the processes are dead.
// counts       The number of jobs in each directory. A start reads it here, because counting
//              rows takes too long.
// state        Numbers of jobs and logs below next_serial may be in use. in_use is 1 from a start
//              to an orderly stop.
// directories  Mode and owner of directories, if they were changed on the mount.
// launchers    What launchers of this state may have left running if they were killed: the token of
//              each, the place of its cgroups, and the device and inode of the state file then.
// settings     What a user has written to config.ini.
//
// A start does, in this order:
//
// 1. Checks that the path names a regular file that can be written.
// 2. Opens it with locking_mode=EXCLUSIVE: the first access takes the lock and keeps it. So a
//    second filed is refused, and the write-ahead log (WAL) needs no shared memory.
// 3. Compares application id and version. Nothing has been written up to here, because the file of
//    another program or of a newer filed must stay as it is.
// 4. Sets up the connection, and runs the missing schema steps in one transaction.
// 5. Looks for damage, if the last stop was not orderly.
#include "queue/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

namespace filed {
namespace {

constexpr int kApplicationId = 0x66696c64;  // "fild"

constexpr const char* kHowToRepair =
    "); move it away, or save what can be saved with sqlite3's .recover";

// Each string brings the schema one version further. A released string is never edited: a change
// of the schema is a new string.
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
    R"(
    CREATE TABLE launchers(
      token TEXT PRIMARY KEY, place TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL
    ) WITHOUT ROWID;
    )",
    R"(
    ALTER TABLE stopped ADD COLUMN ino INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE stopped ADD COLUMN id BLOB NOT NULL DEFAULT x'';
    ALTER TABLE stopped ADD COLUMN uid INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE stopped ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
    )",
};

}  // namespace

std::span<const char* const> StateFile::schema() { return kSchema; }

StateFile::StateFile(const std::string& path, std::span<const char* const> steps) : path_(path) {
  check_regular();
  open();
  int64_t version = check_version(static_cast<int64_t>(steps.size()));
  set_up();
  migrate(version, steps);
  check_integrity();
}

// SQLite reports each of these cases as "unable to open database file".
void StateFile::check_regular() const {
  // Closed before SQLite takes its locks, because closing any descriptor of a file drops all POSIX
  // locks that the process holds on it.
  Fd probe(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!probe) throw_errno(path_);
  struct stat st {};
  if (fstat(probe.get(), &st) == 0 && !S_ISREG(st.st_mode)) {
    throw Error(path_ + ": not a regular file");
  }
}

void StateFile::open() {
  std::string directory = directory_of(path_);
  directory_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory_) throw_errno(directory);

  sqlite3* db = nullptr;
  int rc =
      sqlite3_open_v2(path_.c_str(), &db,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  db_.reset(db);
  if (rc != SQLITE_OK) fail(rc);
  sqlite3_extended_result_codes(db, 1);
  exec("PRAGMA locking_mode = EXCLUSIVE");
}

int64_t StateFile::check_version(int64_t newest) {
  int64_t application = number("PRAGMA application_id");
  int64_t version = number("PRAGMA user_version");
  bool empty = number("SELECT count(*) FROM sqlite_master") == 0;
  if (application != kApplicationId && !(application == 0 && empty)) {
    throw Error(path_ + ": not a filed state file");
  }
  if (version > newest) {
    throw Error(path_ + ": written by a newer filed (schema " + std::to_string(version) +
                ", this one knows " + std::to_string(newest) + ")");
  }
  // Only possible before the first table is created.
  if (empty) exec("PRAGMA auto_vacuum = INCREMENTAL");
  return version;
}

void StateFile::set_up() {
  exec("PRAGMA journal_mode = WAL");
  exec("PRAGMA synchronous = FULL");
  exec("PRAGMA wal_autocheckpoint = 0");  // StoreSpace does it between two turns
  exec("PRAGMA journal_size_limit = 16777216");
  exec("PRAGMA temp_store = MEMORY");
  exec("BEGIN IMMEDIATE");  // takes the lock
  exec("COMMIT");
}

void StateFile::migrate(int64_t version, std::span<const char* const> steps) {
  auto newest = static_cast<int64_t>(steps.size());
  if (version == newest) return;
  exec("BEGIN IMMEDIATE");
  for (int64_t step = version; step < newest; ++step) exec(steps[static_cast<size_t>(step)]);
  exec("PRAGMA application_id = " + std::to_string(kApplicationId) +
       "; PRAGMA user_version = " + std::to_string(newest) + "; COMMIT");
  if (version > 0) {
    log_info("%s: schema brought from version %lld to %lld", path_.c_str(),
             static_cast<long long>(version), static_cast<long long>(newest));
  }
}

// A crash of filed leaves a sound file. quick_check finds damage that a power cut or a bad disk has
// caused. It reads the whole file, so it is skipped after an orderly stop.
void StateFile::check_integrity() {
  if (number("SELECT in_use FROM state") == 0) return;
  Statement check = prepare("PRAGMA quick_check(1)");
  Statement::Use use(check);
  int rc = use.step();
  if (rc != SQLITE_ROW) fail(rc);
  if (use.bytes(0) != "ok") {
    throw Error(path_ + ": damaged (" + escaped(use.bytes(0)) + kHowToRepair);
  }
}

Statement StateFile::prepare(const std::string& sql) const {
  sqlite3_stmt* stmt = nullptr;
  int rc = sqlite3_prepare_v3(db(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
  if (rc != SQLITE_OK) fail(rc);
  return Statement(stmt);
}

void StateFile::exec(const std::string& sql) const {
  int rc = sqlite3_exec(db(), sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) fail(rc);
}

int64_t StateFile::number(const char* sql) const {
  Statement statement = prepare(sql);
  Statement::Use use(statement);
  int rc = use.step();
  if (rc != SQLITE_ROW) fail(rc == SQLITE_DONE ? SQLITE_ERROR : rc);
  return use.integer(0);
}

void StateFile::fail(int rc) const {
  switch (rc & 0xff) {
    case SQLITE_BUSY:
      throw Error(path_ + ": in use by another filed");
    case SQLITE_NOTADB:
      throw Error(path_ + ": not a filed state file");
    case SQLITE_CORRUPT:
      throw Error(path_ + ": damaged (" + sqlite3_errmsg(db()) + kHowToRepair);
    case SQLITE_CANTOPEN: {
      // The file itself can be opened, so the cause is its WAL. SQLite would say only "unable to
      // open database file".
      std::string wal = path_ + "-wal";
      if (!Fd(::open(wal.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600))) throw_errno(wal);
      throw Error(path_ + ": " + sqlite3_errmsg(db()));
    }
    default:
      throw Error(path_ + ": " + sqlite3_errmsg(db()));
  }
}

int StateFile::write_errno(int rc) const {
  int error = errno_of(rc);
  if (error != EIO) return error;
  sqlite3_file* wal = nullptr;
  if (sqlite3_file_control(db(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK &&
      wal != nullptr && wal->pMethods != nullptr) {
    wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &error);
  }
  return error == EROFS || error == EDQUOT ? error : EIO;
}

void StateFile::set_durability(Durability durability) {
  if (durability_ == durability) return;
  durability_ = durability;
  const char* sql =
      durability == Durability::kFull ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
  sqlite3_exec(db(), sql, nullptr, nullptr, nullptr);
}

int StateFile::disk(struct statvfs& st) const {
  return fstatvfs(directory_.get(), &st) == 0 ? 0 : errno;
}

}  // namespace filed
