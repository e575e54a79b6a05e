// One turn of the daemon: all that its requests and events change is staged in one transaction,
// which commits once, at the turn's end. Replies that depend on it are sent only after the commit.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "queue/store.h"

namespace filed {

class Turn {
 public:
  explicit Turn(Store& store) : store_(store) {}

  // Where changes of this turn are staged.
  Store& store() { return store_; }

  // True if something is staged, which may still be rolled back.
  bool changed() const { return store_.changed() || store_.failed() != 0; }
  // The same for one job, by its inode number or by an id that it has or may get.
  bool may_change(int64_t ino) const { return store_.may_change(ino); }
  bool may_change(std::string_view id) const { return store_.may_change(id); }

  // `done` is called at the end of the turn, in order of registration: with 0 after a successful
  // commit, else with the errno because of which nothing of this turn was kept.
  void on_end(std::function<void(int error)> done);
  // Writes a line to filed's log after the commit; nothing if that fails.
  void log_on_commit(std::string line);

  // `restore` is called, last one first, if the commit fails: it puts back what was changed in
  // memory.
  void on_rollback(std::function<void()> restore);

  // Commits, or rolls back. Returns 0 or the errno. What on_end() functions stage belongs to the
  // next turn.
  int end();

 private:
  Store& store_;
  std::vector<std::function<void(int)>> on_end_;
  std::vector<std::function<void()>> on_rollback_;
};

}  // namespace filed
