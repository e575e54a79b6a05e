// The space of the state file: whether the disk can take a change, when the write-ahead log (WAL)
// is moved into the file (a checkpoint), and when free pages go back to the file system (a vacuum).
//
// Whatever a transaction is going to write has its place on the disk before it is staged: in the WAL,
// and in the file for the later checkpoint. So a full disk refuses single additions, and neither a
// commit nor a checkpoint. What removals need is allocated all the time, also while filed does not
// run, and no other program can take it:
//
// WAL        it never becomes shorter than wal_reserve(). A transaction begins only when it has that
//            much room; if the disk is full, after a checkpoint, from which on the WAL is written from
//            its beginning again.
// reserves   two rows of the state file that hold nothing but pages. If the file cannot grow, the
//            first is given to additions of root, and both to ends of attempts and to removals.
//            Additions of users are refused until both are back.
//
// While a backup copies the files, the WAL stays where it is, unless it becomes very long or the disk is
// full: see wal_lock.h.
//
// Checkpoints and vacuums happen between two transactions, in bounded steps, so no request waits
// long for them.
#pragma once

#include <array>
#include <cstdint>

#include "queue/state_file.h"
#include "queue/statement.h"

namespace filed {

class StoreSpace {
 public:
  // What an addition is for.
  enum class Use : uint8_t { kOfUser, kOfRoot, kOfEnd };

  // Must outlive all transactions of `file`.
  explicit StoreSpace(StateFile& file);
  ~StoreSpace();
  StoreSpace(const StoreSpace&) = delete;
  StoreSpace& operator=(const StoreSpace&) = delete;

  // Before a transaction begins: sees to it that the WAL has room.
  void begin();
  // In a transaction: makes the reserves, if the disk has room for them.
  void make_reserves();
  // In a transaction, before a change that adds `bytes` of text or output. Returns 0, or ENOSPC, EDQUOT
  // or another errno of the disk if it cannot take it; then the change must not be made.
  int make_room(int64_t bytes, Use use);
  // In a transaction, before any other change: it adds next to nothing.
  void note_change();
  void note_commit();
  // Also if the disk was full all the same, as can happen if it does not keep what it allocates.
  void note_rollback(int error);

  // The disk is full. Then each request is to be committed alone, because the transaction has only the
  // room of the reserve.
  bool is_tight() const { return tight_; }
  // The open transaction should get no more changes.
  bool is_crowded() const { return tight_ && wal_estimate_ > wal_pages_of(wal_reserve_) / 2; }

  // Something was removed, so there may be free pages.
  void note_removal() { may_vacuum_ = true; }

  // One step of housekeeping. Must not be called in a transaction. `idle`: nothing else is to be
  // done now. Returns true if an idle moment would find more to do.
  bool tidy(bool idle);

  // For an orderly stop: moves the WAL into the file, and leaves it empty, at its reserved size. Returns
  // 0 or an errno.
  int close();

  int64_t wal_reserve() const { return wal_reserve_; }

 private:
  enum Reserve : uint8_t { kForRoot, kForEnds, kReserves };

  static int64_t wal_pages_of(int64_t bytes);
  int64_t wal_room() const;
  int64_t file_room() const;
  int64_t free_pages() { return read(count_free_pages_); }
  static int64_t read(const Statement& statement);
  void look();
  int grow_wal(int64_t pages);
  int grow_file(int64_t pages);
  int fit_file(int64_t bytes, Use use);
  int hold(Reserve reserve);
  bool give(Reserve reserve);
  void set_tight(int error);
  bool checkpoint();
  bool move_wal();
  void vacuum();

  StateFile& file_;
  Statement count_free_pages_, count_pages_, add_reserve_, remove_reserve_;
  int64_t unit_ = 0;         // bytes: the size of a reserve, and of a step in which files grow
  int64_t wal_reserve_ = 0;  // bytes

  // Of the WAL: the pages that are in use, and an upper estimate of what the open transaction adds.
  int64_t wal_pages_ = 0;
  int64_t wal_estimate_ = 0;
  // Of the file: its pages when they were last counted, and an upper estimate of what was added since.
  int64_t pages_ = 0;
  int64_t unused_pages_ = 0;
  int64_t added_ = 0;  // bytes
  bool is_known_ = false;
  std::array<bool, kReserves> held_{};        // staged
  std::array<bool, kReserves> held_saved_{};  // committed

  bool tight_ = false;
  bool is_closed_ = false;
  bool may_vacuum_ = false;
  // Pages were given back, but the file ends earlier only after a checkpoint.
  bool needs_checkpoint_ = false;
};

}  // namespace filed
