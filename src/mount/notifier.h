// Repeats through the mount what filed does of its own accord, so that the kernel learns of it as
// it learns of a user's mv or rm: it moves its cached entry, and inotify watchers get MOVED_FROM
// and MOVED_TO, or DELETE.
//
// A process of its own makes the system calls. The loop must never touch the mount that it serves,
// the launcher must not wait for the loop; and the kernel asks whether the caller may move the
// file: the process keeps the rights to do that in any directory (CAP_DAC_OVERRIDE, CAP_FOWNER),
// which the process that serves has given up. It obeys nothing but "repeat this move of a job in
// this mount" and "detach the mount". The loop recognises its requests and answers them apart: see
// Filesystem.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/event_loop.h"
#include "base/fd.h"
#include "queue/job.h"

namespace filed {

class Notifier {
 public:
  // Beyond so many waiting events new ones are dropped: no watcher gets them.
  static constexpr size_t kMaxWaiting = 10'000;

  // A move or a removal that is being repeated.
  struct Event {
    Job job;  // as it is after the move, or was before the removal
    Dir from = Dir::kPending;
    std::optional<Dir> to;    // nothing: removed
    bool superseded = false;  // a user has moved or removed the job since
  };

  // Forks the process. It goes on with the rights that the caller has now, as far as it needs them,
  // and closes all that is open above stderr. Throws Error.
  explicit Notifier(const std::string& mount_dir);
  // Ends it, without waiting.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // From now on the loop sends what did not fit at once. It must outlive this object. Throws Error.
  void attach(EventLoop& loop);
  // The queue is mounted: the process opens the mount's root, which needs no answer from the loop.
  void mounted();

  // From the loop, which goes on at once. False if the event is dropped.
  bool push(Event event);

  // Whether a request comes from the process; and if so, what it is repeating.
  bool is_from_notifier(pid_t pid) const { return pid == pid_; }
  const Event& current();
  // Whether anything waits to be repeated.
  bool is_busy();
  // A user has moved or removed the job: its events that still wait are not repeated.
  void supersede(int64_t ino);

  // Has the process detach the mount, as its last work, and waits for its end, at most
  // `timeout_ms`. For the end without a launcher. A call into the mount must be able to come back:
  // the mount is served, or its descriptor closed. False if it is not known to be done.
  bool unmount(int timeout_ms);

 private:
  // In memory that both processes share.
  struct Shared {
    std::atomic<uint32_t> done{0};  // events repeated so far
  };

  void forget_done();
  void send_waiting();
  void gone();

  Shared* shared_ = nullptr;
  Fd socket_;
  pid_t pid_ = -1;
  EventLoop* loop_ = nullptr;
  uint32_t interest_ = 0;
  std::deque<Event> waiting_;  // those not done; the first ones have been sent
  size_t sent_ = 0;
  uint32_t forgotten_ = 0;  // of Shared::done
  bool dropping_ = false;
};

}  // namespace filed
