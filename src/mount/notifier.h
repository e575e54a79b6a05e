// Replays through the mount what filed has moved or removed by itself, as a user's mv or rm would.
// So inotify watchers get MOVED_FROM and MOVED_TO, or DELETE.
//
// A process of its own makes the system calls:
//
// - The loop must never touch the mount that it serves, and the launcher must not wait for the loop.
// - The kernel checks whether the caller may move the file. So this process keeps CAP_DAC_OVERRIDE
//   and CAP_FOWNER, which the serving process has given up, and CAP_SYS_ADMIN to unmount.
//
// It takes three orders only: the mount is there, replay a change, unmount. The loop recognizes the
// requests of this process by the pid and answers them differently: see Replay.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/event_loop.h"
#include "base/fd.h"
#include "mount/replay_events.h"

namespace filed {

class Notifier {
 public:
  // If more events than this wait, new ones are dropped: no watcher gets them.
  static constexpr size_t kMaxWaiting = 10'000;

  using Event = ReplayEvent;

  // Forks the process. It keeps those of the caller's rights that it needs, and closes all
  // descriptors above stderr but its own. Throws Error.
  Notifier(const std::string& mount_dir, bool use_fusermount);
  // Tells the process to exit, and does not wait for that.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // From now on the loop sends events that did not fit into the socket at once. It must outlive this
  // object. Throws Error.
  void attach(EventLoop& loop);
  // The queue is mounted, with that root.
  void mounted(Fd root);

  // Never blocks. Returns false if the event is dropped.
  bool push(Event event);

  // True if a request with this pid comes from the process.
  bool is_from_notifier(pid_t pid) const { return pid == pid_; }
  // The event that the process is replaying when its request arrives.
  const Event& current();
  // True if an event waits to be replayed.
  bool is_busy();
  // A user has moved or removed the job: its events that still wait have no effect.
  void supersede(int64_t ino) { waiting_.supersede(ino); }
  // True if that holds for the current event.
  bool is_superseded();

  // Has the process unmount and exit, and waits at most `timeout_ms` for that. Used when the launcher
  // is lost. The process may be in a call into the mount, which must return: serve the mount, or
  // close its descriptor before. Returns false if it is not known to have unmounted.
  bool unmount(int timeout_ms);

 private:
  // Shared memory of both processes.
  struct Shared {
    std::atomic<uint32_t> done{0};  // events replayed so far
  };

  void forget_done();
  void send_waiting();
  void disconnect();

  Shared* shared_ = nullptr;
  Fd socket_;
  pid_t pid_ = -1;
  EventLoop* loop_ = nullptr;
  ReplayEvents waiting_;  // not replayed yet; the first sent_ of them have been sent
  size_t sent_ = 0;
  uint32_t forgotten_ = 0;  // events removed from waiting_; follows Shared::done
  bool dropping_ = false;
};

}  // namespace filed
