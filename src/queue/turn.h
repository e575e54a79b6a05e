// One turn of the daemon: all that its requests and events change is staged in one transaction,
// which commits once at the turn's end. Only then do the replies leave that depend on it.
#pragma once

#include <functional>
#include <vector>

#include "queue/store.h"

namespace filed {

class Turn {
 public:
  explicit Turn(Store& store) : store_(store) {}

  // Something is staged: what is read now may yet be taken back.
  bool changed() const { return store_.changed() || store_.failed() != 0; }
  // The same of one job, by its number or by an id that it has or may get.
  bool may_change(int64_t ino) const { return store_.may_change(ino); }
  bool may_change(std::string_view id) const { return store_.may_change(id); }

  // Called at the end of the turn, in order: with 0 after a successful commit, else with the errno
  // for which nothing of this turn was kept.
  void on_end(std::function<void(int error)> done) { on_end_.push_back(std::move(done)); }

  // Called, last one first, when the commit fails: puts back what was changed in memory.
  void on_rollback(std::function<void()> undo) { on_rollback_.push_back(std::move(undo)); }

  // Commits, or takes back. What on_end() callbacks stage belongs to the next turn.
  int end() {
    if (!changed() && on_end_.empty()) {
      on_rollback_.clear();
      return 0;
    }
    int error = store_.commit();
    auto undo = std::exchange(on_rollback_, {});
    auto on_end = std::exchange(on_end_, {});
    if (error != 0) {
      for (auto step = undo.rbegin(); step != undo.rend(); ++step) (*step)();
    }
    for (auto& done : on_end) done(error);
    return error;
  }

 private:
  Store& store_;
  std::vector<std::function<void(int)>> on_end_;
  std::vector<std::function<void()>> on_rollback_;
};

}  // namespace filed
