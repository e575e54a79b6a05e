// The groups of a launcher's attempts. One that an attempt has left empty, and that was never
// killed, is given to a later attempt, because making and removing a directory costs more than
// starting a process in one that is there.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "launcher/cgroup.h"
#include "launcher/kill_files.h"

namespace filed {

class CgroupPool {
 public:
  // `directory` is that of the tree (cgroup_tree.h) and must outlive this object. `kill_files` gets
  // those of the groups.
  explicit CgroupPool(int directory, KillFileSender kill_files = KillFileSender(-1))
      : directory_(directory), kill_files_(kill_files) {}

  // The number of a group of a pool, which is its name; 0 if that is too long.
  static uint32_t number(const Cgroup& group);

  // A group without processes, with the attempt recorded. Null with errno if none can be made:
  // EAGAIN (cgroup.max.descendants), ENOMEM, EMFILE.
  std::unique_ptr<Cgroup> take(uint64_t attempt);

  // The attempt has ended. An empty group is used again, or removed if it was killed. One with
  // processes that are dying is removed later, when they are gone; one with processes that are to
  // live on is kept (Cgroup::kNoAttempt) until they have ended by themselves. `is_empty`: the caller
  // knows that it has no processes.
  void give_back(std::unique_ptr<Cgroup> group, bool is_empty = false);

  // Removes groups that have become empty; at most `count` of them are looked at.
  void tidy(size_t count);

  // Removes the groups that wait to be used again.
  void drop_free();

  // Removes all groups without processes.
  void clear();

  // True if no group has processes that are dying.
  bool is_settled() const;

  // How many groups still have processes: of attempts that have ended.
  size_t occupied() const { return occupied_.size(); }

 private:
  const int directory_;
  const KillFileSender kill_files_;
  uint64_t next_ = 1;  // names are never used twice
  std::vector<std::unique_ptr<Cgroup>> free_;
  // Closed, because jobs may leave any number of them.
  struct Occupied {
    std::string name;
    bool killed = false;
  };
  std::deque<Occupied> occupied_;
};

}  // namespace filed
