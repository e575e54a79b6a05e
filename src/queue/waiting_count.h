// The number of jobs that may be claimed but are not due yet. It is kept, because counting them
// takes too long.
//
// Time alone makes a waiting job due. So each owner has a horizon, a place in the order of its jobs:
// the jobs behind it are counted. The horizon follows the clock in pieces: advance() takes the jobs
// that it passes out of the count. At a start the jobs behind the horizon are counted in pieces,
// too, up to an end that moves on: until then the count is too small. If the clock is set back, the
// horizon begins anew at the new time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "queue/store.h"

namespace filed {

class WaitingCount {
 public:
  // Begins to count the jobs of these owners. No other owner has one that may be claimed.
  void begin(std::span<const uid_t> owners, int64_t now_ns);
  bool begun() const { return begun_; }
  // These changes are committed. Those before begin() do not matter.
  void note(std::span<const Store::ClaimableChange> changes, int64_t now_ns);
  // Does a piece of what is to be done. Must not be called while the store has staged changes.
  // Returns true if there is more to do.
  bool advance(const StoreReader& store, int64_t now_ns);

  int64_t count() const { return count_; }
  // When a job that is counted falls due, or earlier. Empty if none is counted.
  std::optional<int64_t> next_ns() const;

 private:
  static constexpr DueKey kEnd{INT64_MAX, INT64_MAX};

  struct Owner {
    DueKey horizon;
    DueKey counted_to;            // jobs behind it are not counted yet
    int64_t count = 0;            // jobs behind the horizon, up to counted_to
    int64_t next_ns = INT64_MAX;  // none of them falls due earlier
  };

  Owner& owner(uid_t uid, int64_t now_ns);
  void set_next(uid_t uid, Owner& owner, int64_t next_ns);
  void restart(int64_t now_ns);
  void pass_due(const StoreReader& store, uid_t uid, Owner& owner, int64_t now_ns);
  void count_more(const StoreReader& store, uid_t uid, Owner& owner);

  std::unordered_map<uid_t, Owner> owners_;
  std::set<std::pair<int64_t, uid_t>> by_next_;  // owners that have jobs counted
  std::set<uid_t> uncounted_;                    // owners with jobs behind counted_to
  int64_t count_ = 0;
  int64_t latest_ns_ = 0;  // the clock when the horizons moved last
  bool begun_ = false;
};

}  // namespace filed
