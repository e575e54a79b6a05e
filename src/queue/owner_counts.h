// The number of jobs, and their bytes, of each owner and of all together. Kept in memory, and
// written with the transaction that changes them, because counting rows takes too long.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "queue/job.h"

namespace filed {

// The number of jobs in each directory, of pending jobs that may be claimed (no drafts, not empty),
// and the bytes of text and log of all.
struct Counts {
  std::array<int64_t, kDirs> dir{};
  int64_t ready = 0;
  int64_t bytes = 0;

  int64_t& of(Dir d) { return dir[static_cast<size_t>(d)]; }
  int64_t of(Dir d) const { return dir[static_cast<size_t>(d)]; }
  int64_t total() const { return dir[0] + dir[1] + dir[2] + dir[3]; }
  void add(const Job& job, int64_t by);
  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
};

class OwnerCounts {
 public:
  // Stands for the owners of all rows that are not counted for their owner yet. Their bytes are not
  // known.
  static constexpr int64_t kUncounted = -1;

  struct Owner {
    Counts counts;
    Counts stored;        // what the file holds
    bool staged = false;  // the open transaction changes the counts
  };

  // What the file holds, at a start.
  void load(int64_t owner, const Counts& counts);

  const Counts& total() const { return total_; }
  // Of one owner. All 0 if nothing is known of it.
  Counts of(int64_t owner) const;
  // Every owner that has had jobs since the start, by user id or kUncounted.
  const std::unordered_map<int64_t, Owner>& all() const { return owners_; }

  // Stages that `by` such jobs are added.
  void add(int64_t owner, const Job& job, int64_t by);
  // Stages that a job of kUncounted is counted for its owner.
  void count(int64_t owner, const Job& job);

  // The owners that the open transaction may have changed.
  const std::vector<int64_t>& staged() const { return staged_; }
  void commit();
  void rollback();

 private:
  Counts& stage(int64_t owner);
  void end_transaction(Counts Owner::*to, Counts Owner::*from);

  Counts total_;
  Counts total_stored_;
  std::unordered_map<int64_t, Owner> owners_;
  std::vector<int64_t> staged_;
};

}  // namespace filed
