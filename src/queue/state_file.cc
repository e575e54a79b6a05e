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

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

namespace filed {
namespace {

constexpr const char* kHowToRepair =
    "); move it away, or save what can be saved with sqlite3's .recover";

}  // namespace

void check_schema_version(const std::string& path, int64_t version, int64_t newest) {
  if (version <= newest) return;
  throw Error(path + ": written by a newer filed (schema " + std::to_string(version) +
              ", this one knows " + std::to_string(newest) + ")");
}

StateFile::StateFile(const std::string& path, std::span<const char* const> steps) : path_(path) {
  check_regular();
  open();
  int64_t version = check_version(static_cast<int64_t>(steps.size()));
  set_up();
  migrate(version, steps);
  check_integrity();
}

// SQLite reports each of these cases as "unable to open database file".
void StateFile::check_regular() {
  // Kept open until SQLite has closed the file, because closing any descriptor of a file drops all
  // POSIX locks that the process holds on it.
  Fd probe(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!probe) throw_errno(path_);
  struct stat st {};
  if (fstat(probe.get(), &st) == 0 && !S_ISREG(st.st_mode)) {
    throw Error(path_ + ": not a regular file");
  }
  data_ = AllocatedFile(std::move(probe));
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
  check_schema_version(path_, version, newest);
  // Only possible before the first table is created.
  if (empty) exec("PRAGMA auto_vacuum = INCREMENTAL");
  return version;
}

void StateFile::set_up() {
  exec("PRAGMA journal_mode = WAL");
  exec("PRAGMA synchronous = FULL");
  exec("PRAGMA wal_autocheckpoint = 0");  // StoreSpace does it between two turns
  int keep_wal = 1;
  sqlite3_file_control(db(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep_wal);
  exec("PRAGMA temp_store = MEMORY");
  // Some builds of SQLite fill free pages with zeros. Then to remove a long log would need as much of the
  // WAL as the log has.
  exec("PRAGMA secure_delete = FAST");
  exec("BEGIN IMMEDIATE");  // takes the lock
  exec("COMMIT");
  wal_ = AllocatedFile(Fd(::open((path_ + "-wal").c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC)));
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

int64_t StateFile::number(const std::string& sql) const {
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

sqlite3_file* StateFile::open_wal() const {
  sqlite3_file* wal = nullptr;
  int rc = sqlite3_file_control(db(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  return rc == SQLITE_OK && wal != nullptr && wal->pMethods != nullptr ? wal : nullptr;
}

void StateFile::limit_wal(int64_t bytes) const {
  std::string sql = "PRAGMA journal_size_limit = " + std::to_string(bytes);
  sqlite3_exec(db(), sql.c_str(), nullptr, nullptr, nullptr);
}

// A WAL without a header has no frames. It must be gone from the disk before the WAL is cut, because
// the frames before the cut would count as the newest ones.
int StateFile::empty_wal(int64_t size) {
  sqlite3_file* wal = open_wal();
  if (wal == nullptr) return 0;
  limit_wal(-1);
  const std::array<char, kWalHeaderSize> header{};
  const sqlite3_io_methods& methods = *wal->pMethods;
  int rc = methods.xWrite(wal, header.data(), header.size(), 0);
  if (rc == SQLITE_OK) rc = methods.xSync(wal, SQLITE_SYNC_NORMAL);
  sqlite3_int64 old = 0;
  if (rc == SQLITE_OK) rc = methods.xFileSize(wal, &old);
  if (rc == SQLITE_OK && old > size) rc = methods.xTruncate(wal, size);
  return write_errno(rc);
}

int StateFile::write_errno(int rc) const {
  int error = errno_of(rc);
  if (error != EIO) return error;
  if (sqlite3_file* wal = open_wal()) {
    wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &error);
  }
  return error == EROFS || error == EDQUOT ? error : EIO;
}

int StateFile::read_errno(int rc) const {
  int error = errno_of(rc);
  if (error != 0 && read_errors_.is_due()) {
    log_error("%s: cannot read: %s (%s)", path_.c_str(), strerror(error), sqlite3_errmsg(db()));
  }
  return error;
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
