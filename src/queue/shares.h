// Whose turn it is: of the owners that have due jobs, the next free worker goes to the one with the
// fewest attempts under way, then to the one whose last start is longest ago. Knows no jobs.
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
  // The owner has a job that may be claimed now, or has none.
  void set_due(uid_t uid, bool due);
  // An attempt of the owner starts. It is under way until add_running(uid, -1).
  void start(uid_t uid);
  // So many attempts more are under way. One that does not die is under way, too.
  void add_running(uid_t uid, int by);

  int running(uid_t uid) const;
  bool is_due(uid_t uid) const;
  // The owner whose turn it is. Empty if no owner has a due job.
  std::optional<uid_t> next() const;

 private:
  struct Owner {
    int running = 0;
    int64_t last_start = 0;  // counts starts; 0: none
    bool due = false;
  };
  using Place = std::tuple<int, int64_t, uid_t>;

  static Place place(uid_t uid, const Owner& owner) {
    return {owner.running, owner.last_start, uid};
  }
  Owner& change(uid_t uid);
  void changed(uid_t uid, const Owner& owner);

  std::unordered_map<uid_t, Owner> owners_;
  std::set<Place> due_;
  int64_t starts_ = 0;
};

}  // namespace filed
