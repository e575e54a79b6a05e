// The interface that learns when filed itself has moved or removed a job, so that programs that watch
// the mount with inotify see it.
#pragma once

#include "queue/job.h"
#include "queue/transitions.h"

namespace filed {

// Both are called after the commit.
class QueueWatcher {
 public:
  virtual ~QueueWatcher() = default;
  virtual void notify_moved(const Job& job, Dir from) = 0;  // `job` as it is now
  virtual void notify_removed(const Job& job) = 0;
};

// Tells the watcher, once there is one, of the transitions that their rows mark for it.
class WatcherLink {
 public:
  void set(QueueWatcher* watcher) { watcher_ = watcher; }

  // `row` was carried out. `job` is as it is now; if the row removes it, as it was.
  void tell(const Transition& row, const Job& job) {
    if (watcher_ == nullptr || !row.watchers) return;
    if (row.to) {
      watcher_->notify_moved(job, row.from);
    } else {
      watcher_->notify_removed(job);
    }
  }

 private:
  QueueWatcher* watcher_ = nullptr;
};

}  // namespace filed
