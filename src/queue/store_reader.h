// Read-only access to the queue's state. Reads see what the open transaction has staged.
//
// A read returns 0 or an errno: ENOENT if there is no such job; ENOMEM, or EIO from the disk and for
// damage, which the log tells.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "queue/job.h"
#include "queue/owner_counts.h"
#include "queue/state_file.h"
#include "queue/statement.h"

namespace filed {

// The place of a job among its owner's: due time, then inode number.
struct DueKey {
  int64_t mtime_ns = 0;
  int64_t ino = 0;

  auto operator<=>(const DueKey&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14
};

// A launcher that may have left processes.
struct LauncherRecord {
  std::string token;   // random, of one start
  std::string place;   // of its cgroups (CgroupTree::place); empty: it had none
  int64_t device = 0;  // st_dev and st_ino of the state file when it was started: a copy has others
  int64_t inode = 0;
};

// An attempt that means nothing for its job any more, and has processes that are to be killed. With
// the job that it was of, at its claim.
struct KillPending {
  int64_t attempt = 0;
  int64_t ino = 0;
  std::string id;
  uid_t uid = 0;
  int number = 0;  // FILED_ATTEMPT

  bool operator==(const KillPending&) const = default;
};

class StoreReader {
 public:
  // A log is kept in chunks of this size in bytes. Only the last one may be shorter.
  static constexpr int64_t kChunkSize = 64 << 10;

  StoreReader(const StoreReader&) = delete;
  StoreReader& operator=(const StoreReader&) = delete;

  const std::string& path() const { return file_.path(); }
  // Free space and size of the file system that holds the state. Returns 0 or an errno.
  int disk(struct statvfs& st) const { return file_.disk(st); }

  // --- jobs

  // A job by its inode number.
  int get(int64_t ino, Job& job) const;
  // A job by its id.
  int find(std::string_view id, Job& job) const;
  int has_id(std::string_view id, bool& found) const;
  // Jobs of `dir` with an inode number above `after`, in their order, until `row` returns false.
  int list(Dir dir, int64_t after, const std::function<bool(const Job&)>& row) const;
  // The same with only inode number, id and directory of each job. It costs less than half.
  int list_names(Dir dir, int64_t after, const std::function<bool(const Job&)>& row) const;
  // An owner's jobs that may be claimed once they are due, in the order of due time and then inode
  // number, until `row` returns false.
  int claimable(uid_t uid, const std::function<bool(const Job&, std::string_view text)>& row) const;
  // The owners that have such jobs, in their order. Reads one row of each.
  int claimable_owners(std::vector<uid_t>& owners) const;
  // The places of at most `most` such jobs behind `after`.
  int claimable_keys(uid_t uid, DueKey after, size_t most, std::vector<DueKey>& keys) const;
  // The job of `dir` (failed or complete) that ended first, at its mtime; none if there is none.
  int oldest(Dir dir, std::optional<Job>& job) const;
  int read_text(int64_t ino, std::string& text) const;
  const Counts& counts() const { return owners_.total(); }
  const OwnerCounts& owners() const { return owners_; }

  // --- logs

  // Up to `size` bytes of one chunk, from `offset` in that chunk on. Fewer at its end, none behind
  // it.
  int read_chunk(int64_t log, int64_t chunk, int64_t offset, int64_t size,
                 std::string& bytes) const;
  // The number of bytes that are stored of a log; 0 if there is no such log.
  int log_size(int64_t log, int64_t& size) const;

  // --- the rest, for a start: each throws Error if it cannot be read

  // Those of Store::add_launcher().
  std::vector<LauncherRecord> launchers() const;
  // Those of Store::add_kill_pending().
  std::vector<KillPending> kill_pending() const;
  // What config.ini has set, by key.
  std::map<std::string, std::string> load_settings() const;
  // Mode and owner of the mount's directories that chmod or chown has changed, by name. The root's
  // name is "".
  struct DirectoryRights {
    mode_t mode = 0;
    uid_t uid = 0;
    gid_t gid = 0;
  };
  std::map<std::string, DirectoryRights> load_directories() const;

 protected:
  // Opens the state file, and throws Error as StateFile does.
  StoreReader(const std::string& path, std::span<const char* const> steps);
  ~StoreReader() = default;

  // The key of a chunk. The chunks of a log have the keys from chunk_key(log, 0) up to, but not
  // including, chunk_key(log + 1, 0).
  static constexpr int kChunkBits = 23;  // 2^23 chunks of 64 KiB: a log of 512 GiB
  static int64_t chunk_key(int64_t log, int64_t chunk) { return log << kChunkBits | chunk; }

  StateFile file_;
  int64_t next_number_ = 0;
  OwnerCounts owners_;

 private:
  void load_owners();
  void read_each(const char* sql, const std::function<void(const Statement::Use&)>& row) const;

  Statement get_, find_, has_id_, list_, list_names_, claimable_, next_owner_, keys_at_,
      keys_after_, oldest_;
  Statement read_text_, read_chunk_, last_chunk_;
};

}  // namespace filed
