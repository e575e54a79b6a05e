// The changes of the queue's state, in one SQLite file, and their transaction. Knows rows, not
// rules: which change is permitted is the queue's business.
//
// The first change opens a transaction, and commit() ends it. Reads see what is staged.
//
// A change returns 0 or an errno from the disk: ENOSPC, EDQUOT, EROFS, EIO or ENOMEM. After a change has
// failed, every further change of the same transaction and its commit return the same errno. So a
// transaction is never stored in part.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "queue/job.h"
#include "queue/state_file.h"
#include "queue/statement.h"
#include "queue/store_reader.h"
#include "queue/store_space.h"

namespace filed {

class Store : public StoreReader {
 public:
  // Opens the state file and marks it as in use. Throws Error as StateFile does. Tests give other
  // `steps` of the schema.
  explicit Store(const std::string& path, std::span<const char* const> steps = schema_steps());
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Has no effect while a transaction is open: call it between two.
  void set_durability(Durability durability);

  // What has become of the file, if what is stored in it would be lost at the next start; empty: it is in
  // its place. From then on every change gets EIO, and the log says why, at most once a minute.
  void set_lost(const std::string& why);

  // Marks an orderly stop, and gives unused sequence numbers back. Returns 0 or an errno. No other
  // call may follow.
  int close();

  // --- changes

  // A number for a job, a log or a new id. No number is ever given twice. The next insert() or
  // update() records it.
  int64_t next_sequence_number() { return next_number_++; }
  // Stages that no number given so far is given again after a restart.
  int reserve_sequence_numbers();
  int insert(const Job& job, std::string_view text);
  // Writes everything of the job but its text. `before` is the row as it is.
  int update(const Job& before, const Job& job);
  int set_text(const Job& before, const Job& job, std::string_view text);
  int remove(const Job& job);
  int put_chunk(int64_t log, int64_t chunk, std::string_view bytes);
  int remove_log(int64_t log);
  // For a log that is still being read: it is removed by remove_deferred_log(), or at the next
  // start.
  int defer_log_removal(int64_t log);
  int remove_deferred_log(int64_t log);
  // The log is to be kept after all.
  int undefer_log(int64_t log);
  // If filed dies before remove_kill_pending(), the next start kills the attempt's processes.
  int add_kill_pending(const KillPending& attempt);
  int remove_kill_pending(int64_t attempt);
  // For a start: records a launcher, and forgets one that has left nothing. Throw Error, too.
  int add_launcher(const LauncherRecord& launcher);
  int remove_launcher(const std::string& token);
  int save_directory(const std::string& name, const DirectoryRights& rights);
  int save_settings(const std::map<std::string, std::string>& settings);

  // --- space

  // To be called before the changes of an operation that add `bytes` of text or output to a job of
  // `owner`. Returns 0, or the errno with which the operation must be refused, because the disk cannot
  // take it: ENOSPC, EDQUOT, EROFS.
  int make_room(int64_t bytes, uid_t owner);
  // The same for the end of an attempt, which may use what is reserved.
  int make_room_for_end(int64_t bytes);
  // The disk is full: see StoreSpace.
  bool is_tight() const { return space_.is_tight(); }
  bool is_crowded() const { return space_.is_crowded(); }

  // --- the transaction

  // True if something is staged.
  bool changed() const { return open_; }
  // The errno of the change that failed, or 0.
  int failed() const { return failed_; }
  // True if the open transaction may change this job or id. May be true by mistake (hash
  // collision).
  bool may_change(int64_t ino) const { return failed_ != 0 || staged_inos_.contains(ino); }
  bool may_change(std::string_view id) const {
    return failed_ != 0 || staged_ids_.contains(std::hash<std::string_view>()(id));
  }
  // Makes the staged changes durable. After an error none of them is kept.
  int commit();
  void rollback();

  // What the open transaction, and the commits since the last call, have put into the index of what
  // may be claimed, and taken out of it. A rollback forgets those that were not taken yet.
  struct ClaimableChange {
    uid_t uid = 0;
    DueKey key;
    int by = 0;  // 1 or -1
  };
  std::vector<ClaimableChange> take_claimable_changes() {
    return std::exchange(claimable_changes_, {});
  }

  // --- old files

  // True if rows of an older filed are still to be brought up to date.
  bool migrating() const { return old_index_ || counted_to_ != kAllCounted; }
  // True if jobs of an older filed may be missing in the index of what may be claimed.
  bool lacks_claimable() const { return old_index_; }
  // Stages this for at most so many rows. Returns 0 or an errno.
  int migrate(int rows);

  // One step of housekeeping between two turns: see StoreSpace. True if an idle moment would find
  // more to do.
  bool tidy(bool idle);

 private:
  void prepare_changes();
  void mark_in_use();
  void make_reserves();
  int begin();
  int begin_change();
  int refuse_lost();
  int make_room(int64_t bytes, StoreSpace::Use use);
  int result(int rc);
  int step_change(const Statement& statement);
  void count(const Job& job, int by);
  int park(const Job& before, const Job& job);
  void stage(const Job& job);
  void end_transaction();
  void save_owners();
  void start_migration();
  void unpark_all();
  int migrate_claims(int rows);
  int migrate_counts(int rows);

  static constexpr int64_t kAllCounted = INT64_MAX;

  StoreSpace space_;
  std::string lost_;
  Seldom losses_;
  bool open_ = false;
  int failed_ = 0;
  int64_t reserved_ = 0;        // numbers below may be given; staged
  int64_t reserved_saved_ = 0;  // the same, committed
  std::vector<ClaimableChange> claimable_changes_;
  bool old_index_ = false;            // the index of an older filed is still there
  int64_t counted_to_ = kAllCounted;  // rows above are counted for OwnerCounts::kUncounted
  bool old_index_saved_ = false;
  int64_t counted_to_saved_ = kAllCounted;
  std::unordered_set<int64_t> staged_inos_;  // of the rows that it changes
  std::unordered_set<size_t> staged_ids_;    // hashes of their ids, old and new

  Statement begin_, commit_, rollback_;
  Statement insert_, update_, set_text_, remove_, put_chunk_, remove_log_, defer_log_, undefer_log_;
  Statement update_owner_, insert_owner_, remove_owner_, save_number_, clear_settings_,
      save_setting_, save_directory_;
  Statement add_kill_pending_, remove_kill_pending_, park_, unpark_;
};

}  // namespace filed
