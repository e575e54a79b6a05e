// A disk in memory for SQLite, with faults: the n-th change of it can fail, it can be full, and its
// power can be cut. After a power cut each sector that was not synced survives or is lost, by chance.
//
// Changes are writes, truncations, syncs and deletions of files. They can be recorded and applied to
// another disk. So a test runs once and then cuts the power at each of its changes.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

class FaultDisk {
 public:
  static constexpr int kSector = 512;

  struct Change {
    enum class Kind { kCreate, kWrite, kTruncate, kSync, kRemove };
    Kind kind;
    std::string file;
    int64_t at = 0;  // kWrite: offset; kTruncate: size
    std::string bytes;
  };

  // SQLite opens all files on this disk, until the destructor.
  FaultDisk();
  ~FaultDisk();
  FaultDisk(const FaultDisk&) = delete;
  FaultDisk& operator=(const FaultDisk&) = delete;

  // The `n`-th change from now (1: the next one) fails with `code`, an SQLITE_IOERR_... or
  // SQLITE_FULL, and so do the `more` changes after it. A write that fails leaves its first half.
  // 0: none fails.
  void fail(int64_t n, int code = SQLITE_IOERR_WRITE, int64_t more = 0);
  // Every read gives EIO. SQLite still has its cached pages.
  void fail_reads(bool on) { fail_reads_ = on; }
  // True if a change has failed since the last fail().
  bool has_failed() const { return has_failed_; }
  // The size of all files together. Writes beyond it give SQLITE_FULL. Negative: no limit.
  void set_capacity(int64_t bytes) { capacity_ = bytes; }
  int64_t size() const;

  // Cuts the power. Each sector that was written and not synced survives with the probability `keep`
  // (0 to 1). Open connections get only errors. The next open finds what is left.
  void cut_power(std::mt19937& random, double keep);
  // As if the process had died: all that it wrote is there. Open connections get only errors.
  void cut_process();

  // The number of changes so far, and the changes that were recorded.
  int64_t changes() const { return changes_; }
  void record(bool on) { recording_ = on; }
  const std::vector<Change>& recorded() const { return recorded_; }
  // Makes a recorded change on this disk.
  void apply(const Change& change);
  // Removes all files.
  void clear();
  // Copies the files of another disk, synced or not.
  void copy_from(const FaultDisk& other);

 private:
  friend struct FaultFile;
  struct File {
    std::string data;    // what a reader sees
    std::string synced;  // what survives a power cut
    std::vector<Change> unsynced;
    bool exists_synced = false;  // its directory entry survives
  };

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out);
  static int remove(sqlite3_vfs* vfs, const char* name, int sync_dir);
  static int access(sqlite3_vfs* vfs, const char* name, int flags, int* result);
  static int full_path(sqlite3_vfs* vfs, const char* name, int size, char* out);

  // SQLITE_OK, or the code with which this change is to fail.
  int next_change(Change::Kind kind, const std::string& file, int64_t at = 0,
                  std::string_view bytes = {});
  static void write(std::string& data, int64_t at, std::string_view bytes);

  sqlite3_vfs vfs_{};
  sqlite3_vfs* before_ = nullptr;
  std::map<std::string, std::shared_ptr<File>> files_;
  int64_t generation_ = 0;  // the number of cuts
  int64_t changes_ = 0;
  int64_t capacity_ = -1;
  int64_t fail_in_ = 0;
  int64_t fail_more_ = 0;
  int fail_code_ = 0;
  bool has_failed_ = false;
  bool fail_reads_ = false;
  bool recording_ = false;
  std::vector<Change> recorded_;
};
