// The queue's state in one SQLite file. Every change is staged in a transaction that the first
// change opens and commit() ends; reads see what is staged. Knows rows, not rules: what may follow
// what is the queue's business.
//
// Operations return 0 or an errno: ENOENT for what is not there, ENOSPC, EIO, EROFS, ENOMEM,
// EUCLEAN (damaged) from the disk. After a change has failed in that way, every further change of
// the same transaction fails alike, and so does its commit: nothing is half done.
#pragma once

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/fd.h"
#include "config/settings.h"
#include "queue/job.h"
#include "queue/statement.h"

namespace filed {

// Jobs in each directory, and how many of the pending ones are ready (no drafts, not empty).
struct Counts {
  std::array<int64_t, kDirs> dir{};
  int64_t ready = 0;

  int64_t& of(Dir d) { return dir[static_cast<size_t>(d)]; }
  int64_t of(Dir d) const { return dir[static_cast<size_t>(d)]; }
  int64_t total() const { return dir[0] + dir[1] + dir[2] + dir[3]; }
  bool operator==(const Counts&) const = default;
};

class Store {
 public:
  // A log is kept in pieces of this size; only the last one is shorter.
  static constexpr int64_t kChunkSize = 64 << 10;

  // Opens the file, makes it where it is missing (mode 0600), brings an older schema up to date,
  // and locks it until the end. Throws Error: a folder, not writable, not SQLite, not filed's, from
  // a newer filed, in use by another one, damaged.
  explicit Store(const std::string& path);
  // For tests: with another list of schema steps (see store.cc).
  Store(const std::string& path, std::span<const char* const> schema);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  void set_durability(Durability durability);
  const std::string& path() const { return path_; }
  // Of the disk that holds the file; also when its folder may not be entered any more.
  int disk(struct statvfs& st) const { return fstatvfs(folder_.get(), &st) == 0 ? 0 : errno; }

  // The last start was not followed by an orderly close().
  bool was_interrupted() const { return was_interrupted_; }
  // Marks the orderly end, and gives unused serial numbers back. Nothing may follow.
  int close();

  // --- reads
  int get(int64_t ino, Job& job);
  int find(std::string_view id, Job& job);
  bool has_id(std::string_view id);
  // Jobs of `dir` with a number above `after`, in order, until `row` returns false.
  int list(Dir dir, int64_t after, const std::function<bool(const Job&)>& row);
  // The same with nothing of each job but its number, id and directory: costs less than half.
  int list_names(Dir dir, int64_t after, const std::function<bool(const Job&)>& row);
  // Jobs ready to run that are due at `now_ns`, by due time and then number, until `row` returns
  // false.
  int due(int64_t now_ns, const std::function<bool(const Job&, std::string_view text)>& row);
  // The earliest due time of all jobs that are ready, above `after_ns`.
  std::optional<int64_t> next_due(int64_t after_ns);
  int64_t count_waiting(int64_t now_ns);
  // The job of `dir` (failed or complete) that ended first, and when.
  std::optional<int64_t> oldest(Dir dir, Job* job = nullptr);
  int read_text(int64_t ino, std::string& text);
  // Bytes of one chunk of a log; fewer at its end, none beyond it.
  int read_chunk(int64_t log, int64_t chunk, int64_t offset, int64_t size, std::string& bytes);
  // The bytes of a log that the store has.
  int log_size(int64_t log, int64_t& size);
  // The runs of add_kill_pending().
  std::vector<int64_t> kill_pending();
  const Counts& counts() const { return counts_; }
  std::map<std::string, std::string> load_settings();
  // What chmod and chown have changed of the mount's directories, by name; the root's is "".
  struct DirectoryRights {
    mode_t mode = 0;
    uid_t uid = 0;
    gid_t gid = 0;
  };
  std::map<std::string, DirectoryRights> load_directories();

  // --- changes
  // A number for a job, a log or new-id: never given twice. Recorded by the next change that uses
  // it.
  int64_t next_sequence_number() { return next_serial_++; }
  int64_t last_sequence_number() const { return next_serial_ - 1; }
  // Makes sure that no number given so far is given again after a restart.
  int reserve_sequence_numbers();
  int insert(const Job& job, std::string_view text);
  // Writes everything of the job but its text. `before` is what the row holds now.
  int update(const Job& before, const Job& job);
  int set_text(const Job& before, const Job& job, std::string_view text);
  int remove(const Job& job);
  int put_chunk(int64_t log, int64_t chunk, std::string_view bytes);
  int remove_log(int64_t log);
  // A log that somebody still reads: removed when the reader is done, or at the next start.
  int defer_log_removal(int64_t log);
  int remove_deferred_log(int64_t log);
  // A run whose job is gone or has gone on, and whose processes are to be killed: should filed die
  // first, the next start has nothing else by which to know them. Until remove_kill_pending().
  int add_kill_pending(int64_t run);
  int remove_kill_pending(int64_t run);
  int save_directory(const std::string& name, const DirectoryRights& rights);
  int save_settings(const std::map<std::string, std::string>& settings);

  // --- the transaction
  bool changed() const { return open_; }
  // The errno of the change that failed, or 0.
  int failed() const { return failed_; }
  // Whether what is read of that job, or of who has that id, may yet be taken back. Now and then
  // true for others, too.
  bool may_change(int64_t ino) const { return failed_ != 0 || staged_inos_.contains(ino); }
  bool may_change(std::string_view id) const {
    return failed_ != 0 || staged_ids_.contains(std::hash<std::string_view>()(id));
  }
  // Makes the staged changes durable; on error they are all gone. `use_reserve`: also with what a
  // nearly full disk keeps for removals.
  int commit(bool use_reserve = false);
  void rollback();

  // Housekeeping between two turns, a bounded step a call: moves the write-ahead log into the file,
  // and, when `idle`, gives the room of what was removed back to the disk. True if an idle moment
  // would find more to do.
  bool tidy(bool idle);

 private:
  void open_file();
  int64_t check_file(size_t newest);  // the version of its schema
  void set_up();
  void migrate(int64_t version, std::span<const char* const> schema);
  void load();
  int begin();
  int result(int rc);  // of a change: SQLite's code → errno, remembered
  int why_no_write();
  int step_change(Statement& statement);
  void count(const Job& job, int64_t by);
  void stage(const Job& job);
  void end_transaction();
  void checkpoint();
  bool has_room(int64_t bytes);
  Statement prepare(const char* sql);

  std::string path_;
  Fd folder_;
  // Before the statements, so that it is closed after them.
  struct Connection {
    ~Connection() { sqlite3_close(handle); }
    operator sqlite3*() const { return handle; }
    sqlite3* handle = nullptr;
  } db_;
  bool open_ = false;
  int failed_ = 0;
  bool was_interrupted_ = false;
  Durability durability_ = Durability::kFull;
  int64_t next_serial_ = 0;
  int64_t reserved_ = 0;        // numbers below may be given; staged
  int64_t reserved_saved_ = 0;  // the same, committed
  Counts counts_;
  Counts counts_saved_;
  int64_t added_ = 0;                        // bytes of text and output in the open transaction
  std::unordered_set<int64_t> staged_inos_;  // whose rows it changes
  std::unordered_set<size_t> staged_ids_;    // hashes of their ids, old and new
  int64_t room_ = 0;                         // an estimate of what the disk still takes
  bool room_is_low_ = false;
  int wal_pages_ = 0;        // in the write-ahead log
  bool may_shrink_ = false;  // something was removed since tidy() last looked
  bool shrunk_ = false;      // pages were given back that the file still has

  Statement begin_, commit_, rollback_;
  Statement get_, find_, has_id_, list_, list_names_, due_, next_due_, count_waiting_, oldest_;
  Statement read_text_, read_chunk_, last_chunk_;
  Statement insert_, update_, set_text_, remove_, put_chunk_, remove_log_, defer_log_, undefer_log_;
  Statement save_counts_, save_serial_, clear_settings_, save_setting_, save_directory_;
  Statement free_pages_, add_stopped_, remove_stopped_;
};

}  // namespace filed
