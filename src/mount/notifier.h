// Repeats through the mount what filed does of its own accord, so that the kernel learns of it as
// it learns of a user's mv or rm: it moves its cached entry, and inotify watchers get MOVED_FROM
// and MOVED_TO, or DELETE.
//
// A thread of its own makes the system calls, because the loop's thread must never touch the mount
// that it serves. The loop recognises the thread's requests and answers them apart: see Filesystem.
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "base/fd.h"
#include "queue/job.h"

namespace filed {

class Notifier {
 public:
  // Beyond so many waiting events new ones are dropped: no watcher gets them, nothing else is lost.
  static constexpr size_t kMostWaiting = 10'000;

  // A move or a removal that is being repeated.
  struct Event {
    Job job;  // as it is after the move, or was before the removal
    Dir from = Dir::kPending;
    std::optional<Dir> to;  // nothing: removed
  };

  Notifier() = default;
  // The mount must be served or gone: a call under way has to come back.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // Starts the thread for the queue mounted on `mount_dir`; it has the rights that the caller has
  // now. Opens the mount's root only, which needs no answer from the loop. Throws Error.
  void start(const std::string& mount_dir);

  // From the loop, which goes on at once.
  void push(Event event);

  // Whether a request comes from the thread; and if so, what it is repeating.
  bool is_mine(pid_t tid) const { return tid == tid_.load(std::memory_order_relaxed); }
  Event current() const;

 private:
  static void* run_thread(void* self);
  void run();
  void repeat(const Event& event);
  int directory(Dir dir);

  Fd root_;
  std::array<Fd, kDirs> directories_;  // opened by the thread, at their first use
  std::atomic<pid_t> tid_{-1};
  pthread_t thread_{};
  bool started_ = false;

  mutable std::mutex mutex_;  // for what follows
  std::condition_variable wake_;
  std::deque<Event> waiting_;  // the first one is being repeated
  bool dropping_ = false;
  bool stop_ = false;
};

}  // namespace filed
