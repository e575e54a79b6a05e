// What is read:
//
// 1. The lock keeps a filed that serves the state from moving its write-ahead log (WAL) into the file.
// 2. The state file is copied, then the WAL.
// 3. If the header of the WAL is the same as before, the WAL has not begun again. Then all changes of
//    the file since step 2 are in the WAL, too, so it does not matter in which order its pages were
//    copied. Otherwise it is copied again: a filed has stopped, or its WAL became too long.
//
// What is written lies in a directory that only this user can enter, and is reached by descriptors. So
// nobody can put another file in its place, whoever may write in the directory of the copy.
#include "backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"
#include "queue/state_file.h"
#include "queue/wal_lock.h"

namespace filed {
namespace {

constexpr int kMaxTries = 20;
constexpr size_t kPiece = 1 << 20;
// In the private directory.
constexpr const char* kCopy = "state";
constexpr const char* kCopyWal = "state-wal";

using WalHeader = std::array<char, kWalHeaderSize>;

WalHeader wal_header(const Fd& wal) {
  WalHeader header{};
  if (wal) pread(wal.get(), header.data(), header.size(), 0);
  return header;
}

Fd open_source(const std::string& path, bool may_miss) {
  Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && may_miss && errno == ENOENT) return fd;
  struct stat st {};
  if (!fd || fstat(fd.get(), &st) != 0) throw_errno(path);
  if (!S_ISREG(st.st_mode)) throw Error(path + ": not a regular file");
  return fd;
}

// A directory beside `to`, which is removed with what is in it.
class PrivateDirectory {
 public:
  explicit PrivateDirectory(const std::string& to) : path_(to + ".XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw_errno(path_);
    fd_.reset(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st {};
    if (!fd_ || fstat(fd_.get(), &st) != 0) throw_errno(path_);
    if (st.st_uid != geteuid()) throw Error(path_ + ": somebody else has replaced it");
  }
  ~PrivateDirectory() {
    for (const char* name : {kCopy, kCopyWal, "state-shm", "state-journal"}) {
      unlinkat(fd_.get(), name, 0);
    }
    rmdir(path_.c_str());
  }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;

  int fd() const { return fd_.get(); }
  // Stays that of this directory, whatever is renamed.
  std::string path_of(const char* name) const {
    return "/proc/self/fd/" + std::to_string(fd_.get()) + "/" + name;
  }
  Fd make(const char* name) const {
    Fd fd(openat(fd_.get(), name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) throw_errno(path_ + "/" + name);
    return fd;
  }

 private:
  std::string path_;
  Fd fd_;
};

void write_piece(const std::string& path, int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t written = write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno(path);
    bytes += written;
    size -= static_cast<size_t>(written);
  }
}

void copy(const Fd& from, const std::string& from_path, const Fd& to, const std::string& to_path) {
  std::vector<char> piece(kPiece);
  for (off_t at = 0;;) {
    ssize_t size = pread(from.get(), piece.data(), piece.size(), at);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw_errno(from_path);
    if (size == 0) return;
    write_piece(to_path, to.get(), piece.data(), static_cast<size_t>(size));
    at += size;
  }
}

void copy_state(const std::string& from, const PrivateDirectory& directory, const std::string& to) {
  const std::string wal_path = from + "-wal";
  for (int i = 0; i < kMaxTries; ++i) {
    Fd data = open_source(from, false);
    Fd wal = open_source(wal_path, true);
    if (wal) lock_wal_to_copy(wal.get());
    WalHeader before = wal_header(wal);
    copy(data, from, directory.make(kCopy), to);
    Fd wal_copy = directory.make(kCopyWal);
    if (wal) copy(wal, wal_path, wal_copy, to);
    // A filed that starts makes a WAL if there is none, and one that stops may remove it.
    Fd wal_after = open_source(wal_path, true);
    if (wal_header(wal_after) == before && wal_header(wal) == before) return;
  }
  throw Error(from + ": changes too fast for a backup; try again when there is less to do");
}

class Database {
 public:
  Database(const std::string& path, const std::string& shown) : shown_(shown) {
    sqlite3* db = nullptr;
    int rc = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr);
    db_.reset(db);
    if (rc != SQLITE_OK) fail();
  }

  // The first column of the first row; empty if there is none.
  std::string query(const char* sql) {
    std::string result;
    auto take = [](void* to, int columns, char** values, char**) {
      if (columns > 0 && values[0] != nullptr) *static_cast<std::string*>(to) = values[0];
      return 0;
    };
    if (sqlite3_exec(db_.get(), sql, take, &result, nullptr) != SQLITE_OK) fail();
    return result;
  }

 private:
  [[noreturn]] void fail() { throw Error(shown_ + ": the copy: " + sqlite3_errmsg(db_.get())); }

  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  const std::string& shown_;
  std::unique_ptr<sqlite3, Close> db_;
};

// Moves the copied WAL into the copy, and looks for damage.
void finish(const std::string& path, const std::string& from) {
  Database copy(path, from);
  copy.query("PRAGMA locking_mode = EXCLUSIVE");
  if (copy.query("PRAGMA application_id") != std::to_string(kApplicationId)) {
    throw Error(from + ": not a filed state file");
  }
  if (copy.query("PRAGMA wal_checkpoint(TRUNCATE)") != "0") {
    throw Error(from + ": the copy: its log cannot be moved into it");
  }
  std::string found = copy.query("PRAGMA quick_check(1)");
  if (found != "ok") throw Error(from + ": damaged (" + escaped(found) + ")");
}

void sync(const Fd& fd, const std::string& path) {
  if (!fd || fsync(fd.get()) != 0) throw_errno(path);
}

}  // namespace

void back_up(const std::string& from, const std::string& to) {
  struct stat st {};
  if (lstat(to.c_str(), &st) == 0 && !S_ISREG(st.st_mode)) {
    throw Error(to + ": not a regular file");
  }
  struct stat source {};
  if (stat(from.c_str(), &source) == 0 && source.st_dev == st.st_dev &&
      source.st_ino == st.st_ino) {
    throw Error(to + ": this is the state file itself");
  }
  Fd parent(open(directory_of(to).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent) throw_errno(directory_of(to));
  PrivateDirectory directory(to);
  copy_state(from, directory, to);
  finish(directory.path_of(kCopy), from);
  sync(Fd(openat(directory.fd(), kCopy, O_RDONLY | O_CLOEXEC)), to);
  std::string name = to.substr(to.rfind('/') + 1);
  if (renameat(directory.fd(), kCopy, parent.get(), name.c_str()) != 0) throw_errno(to);
  sync(parent, directory_of(to));
}

}  // namespace filed
