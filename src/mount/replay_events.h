// The moves and removals that wait to be replayed, in their order, and which of them have no effect
// any more. Every operation is O(1).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "queue/job.h"

namespace filed {

struct ReplayEvent {
  Job job;  // as it is after the move, or was before the removal
  Dir from = Dir::kPending;
  std::optional<Dir> to;  // nothing: removed
};

class ReplayEvents {
 public:
  size_t size() const { return events_.size(); }
  bool empty() const { return events_.empty(); }
  const ReplayEvent& front() const { return events_.front(); }
  const ReplayEvent& at(size_t index) const { return events_[index]; }

  void push(ReplayEvent event);
  void pop();
  void clear();

  // A user has moved or removed the job: its events up to now have no effect.
  void supersede(int64_t ino);
  bool is_front_superseded() const;

 private:
  struct OfJob {
    size_t events = 0;
    uint64_t superseded_to = 0;  // the events of the job with lower numbers have no effect
  };

  std::deque<ReplayEvent> events_;
  std::unordered_map<int64_t, OfJob> jobs_;  // those that events are of, by inode number
  uint64_t popped_ = 0;                      // the number of the first event
};

}  // namespace filed
