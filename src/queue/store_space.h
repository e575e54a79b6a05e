// The space of the state file: whether the disk can take a commit, when the write-ahead log (WAL)
// is moved into the file (a checkpoint), and when free pages go back to the file system (a vacuum).
//
// Checkpoints and vacuums happen between two transactions, in bounded steps, so no request waits
// long for them.
#pragma once

#include <cstdint>

#include "queue/state_file.h"
#include "queue/statement.h"

namespace filed {

class StoreSpace {
 public:
  // Must outlive all transactions of `file`.
  explicit StoreSpace(const StateFile& file);
  ~StoreSpace();
  StoreSpace(const StoreSpace&) = delete;
  StoreSpace& operator=(const StoreSpace&) = delete;

  // False if a commit that adds `bytes` of text and output would use the space that is reserved for
  // removals. The bytes count as used from then on.
  bool take(int64_t bytes);

  // Something was removed, so there may be free pages.
  void note_removal() { may_vacuum_ = true; }

  // One step of housekeeping. Must not be called in a transaction. `idle`: nothing else is to be
  // done now. Returns true if an idle moment would find more to do.
  bool tidy(bool idle);

 private:
  int64_t free_pages();
  void checkpoint();
  void vacuum();

  const StateFile& file_;
  Statement count_free_pages_;
  int64_t free_bytes_ = 0;  // an estimate of what the disk can still take
  bool is_low_ = false;
  int wal_pages_ = 0;
  bool may_vacuum_ = false;
  // Pages were given back, but the file ends earlier only after a checkpoint.
  bool needs_checkpoint_ = false;
};

}  // namespace filed
