// The SQLite file that holds the queue: opens it, locks it, refuses what is not filed's or is
// damaged, and brings its schema up to date. Knows the schema, but not the queries: see
// StoreReader and Store.
//
// The file stays locked while it is open, so a second filed is refused.
#pragma once

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/fd.h"
#include "base/seldom.h"
#include "config/settings.h"
#include "queue/allocated_file.h"
#include "queue/schema.h"
#include "queue/statement.h"

namespace filed {

constexpr int kApplicationId = 0x66696c64;  // "fild", in SQLite's header
constexpr int kWalHeaderSize = 32;          // bytes, of a write-ahead log

// Throws Error if a state file of that version of the schema is not for this filed, which knows the
// versions up to `newest`.
void check_schema_version(const std::string& path, int64_t version, int64_t newest);

class StateFile {
 public:
  // Opens the file. Creates it with mode 0600 if it is missing. Throws Error if the file is not a
  // regular file, not readable and writable, not a SQLite file, not filed's, written by a newer
  // filed, in use by another filed, or damaged. A refused file is left unchanged.
  explicit StateFile(const std::string& path, std::span<const char* const> steps = schema_steps());
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  sqlite3* db() const { return db_.get(); }
  const std::string& path() const { return path_; }

  // A statement that is used many times. Throws Error.
  Statement prepare(const std::string& sql) const;
  // Runs SQL that returns no rows. Throws Error.
  void exec(const std::string& sql) const;
  // The first column of the only row. Throws Error.
  int64_t number(const std::string& sql) const;
  // The error that `rc` stands for, with the path and what to do. Throws Error.
  [[noreturn]] void fail(int rc) const;

  // The errno for the result code of a write. It tells EDQUOT and EROFS from EIO, which SQLite does
  // not.
  int write_errno(int rc) const;

  // The errno for the result code of a read. The log tells an error, at most once a minute.
  int read_errno(int rc) const;

  // Takes effect at the next transaction. Must not be called inside of one.
  void set_durability(Durability durability);

  // The file and its WAL, on the disk. The WAL's is without a descriptor if there is no such file.
  AllocatedFile& data() { return data_; }
  AllocatedFile& wal() { return wal_; }
  // The size to which SQLite cuts the WAL when it begins again, or when it is closed; -1: never.
  void limit_wal(int64_t bytes) const;
  // Leaves a WAL of `size` bytes that means nothing. All of it must be in the file. No change may
  // follow. Returns 0 or an errno.
  int empty_wal(int64_t size);

  // Free space and size of the file system that holds the file. Works even if its directory is no
  // longer accessible by path. Returns 0 or an errno.
  int disk(struct statvfs& st) const;

 private:
  void check_regular();
  void open();
  int64_t check_version(int64_t newest);
  void set_up();
  void migrate(int64_t version, std::span<const char* const> steps);
  void check_integrity();
  sqlite3_file* open_wal() const;

  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };

  std::string path_;
  Fd directory_;
  AllocatedFile data_;  // closed after the database: see check_regular()
  AllocatedFile wal_;
  std::unique_ptr<sqlite3, Close> db_;
  mutable Seldom read_errors_;
  Durability durability_ = Durability::kFull;
};

}  // namespace filed
