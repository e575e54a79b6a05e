// The interface that is told when filed itself has moved or removed a job, so that programs that
// watch the mount with inotify see it.
#pragma once

#include "queue/job.h"

namespace filed {

// Both are called after the commit.
class QueueWatcher {
 public:
  virtual ~QueueWatcher() = default;
  virtual void notify_moved(const Job& job, Dir from) = 0;  // `job` as it is now
  virtual void notify_removed(const Job& job) = 0;
};

// Passes the calls on to the watcher, once there is one.
class WatcherLink final : public QueueWatcher {
 public:
  void set(QueueWatcher* watcher) { watcher_ = watcher; }
  void notify_moved(const Job& job, Dir from) override {
    if (watcher_ != nullptr) watcher_->notify_moved(job, from);
  }
  void notify_removed(const Job& job) override {
    if (watcher_ != nullptr) watcher_->notify_removed(job);
  }

 private:
  QueueWatcher* watcher_ = nullptr;
};

}  // namespace filed
