// Whose turn it is: of the owners that have due jobs, the next free worker goes to the one with the
// fewest attempts under way, then to the one whose last start is longest ago. An owner that has as
// many under way as the limit permits is left out. Knows no jobs.
//
// A start is remembered until filed ends. Every operation is O(log n) in the number of owners.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

namespace filed {

class Shares {
 public:
  // How many attempts of one owner may be under way; 0: no limit. It does not hold for root.
  void set_limit(int limit);
  // The owner has a job that may be claimed now, or has none.
  void set_due(uid_t uid, bool due);
  // An attempt of the owner starts. It is under way until add_running(uid, -1).
  void start(uid_t uid);
  // So many attempts more are under way, and each holds a worker.
  void add_running(uid_t uid, int by);
  // So many more of those under way hold a worker. One that does not die is under way without one.
  void add_workers(uid_t uid, int by);

  int running(uid_t uid) const;
  bool is_due(uid_t uid) const;
  // The only owner of which attempts hold workers. Empty if there are several or none.
  std::optional<uid_t> sole_holder() const;
  // The owner whose turn it is. Empty if no owner has a due job that may start.
  std::optional<uid_t> next() const;
  // The same without this owner.
  std::optional<uid_t> next_but(uid_t uid) const;

 private:
  struct Owner {
    int running = 0;
    int workers = 0;         // that these hold
    int64_t last_start = 0;  // counts starts; 0: none
    bool due = false;
  };
  using Place = std::tuple<int, int64_t, uid_t>;

  static Place place(uid_t uid, const Owner& owner) {
    return {owner.running, owner.last_start, uid};
  }
  bool may_start(uid_t uid, const Owner& owner) const {
    return owner.due && (limit_ == 0 || uid == 0 || owner.running < limit_);
  }
  Owner& change(uid_t uid);
  void changed(uid_t uid, const Owner& owner);

  std::unordered_map<uid_t, Owner> owners_;
  std::set<Place> order_;    // of the owners that may start an attempt
  std::set<uid_t> holders_;  // the owners that hold workers
  int64_t starts_ = 0;
  int limit_ = 0;
};

}  // namespace filed
