// The notifier replays through the mount what filed has moved or removed by itself, so that inotify
// watchers learn of it. This is the part of the filesystem that hands these changes to the notifier
// and answers its requests.
//
// The notifier's requests come after the change was made. So its lookup is answered with the old
// place of the job, and its rename or unlink with success, without any effect. If a user has moved
// or removed the job in the meantime, the change is superseded: the notifier gets ENOENT.
#pragma once

#include <fuse_lowlevel.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "mount/fixed_nodes.h"
#include "mount/notifier.h"
#include "queue/queue.h"

namespace filed {

class Replay {
 public:
  // `enabled`: false if changes are not to be replayed.
  Replay(const Queue& queue, Notifier& notifier, FixedNodes& nodes, const Clock& clock,
         bool enabled)
      : queue_(queue), notifier_(notifier), nodes_(nodes), clock_(clock), enabled_(enabled) {}

  // Where the kernel is told that attributes are out of date.
  void set_session(fuse_session* session) { session_ = session; }

  // filed has moved a job, or removed it (`to` is empty).
  void add(const Job& job, Dir from, std::optional<Dir> to);

  // True if the notifier has sent the request. Then lookup() or confirm() answers it.
  bool is_from_notifier(fuse_req_t req) const {
    return notifier_.is_from_notifier(fuse_req_ctx(req)->pid);
  }
  void lookup(fuse_req_t req, fuse_ino_t parent, std::string_view name);
  void confirm(fuse_req_t req);

  // The inode number of a job with a change that is not repeated yet; empty if there is none. Ask
  // before a user's change, and call supersede() if that succeeds.
  std::optional<int64_t> pending(Dir dir, std::string_view id) const;
  void supersede(std::optional<int64_t> ino);

 private:
  void forget_times(Dir from, std::optional<Dir> to);

  const Queue& queue_;
  Notifier& notifier_;
  FixedNodes& nodes_;
  const Clock& clock_;
  const bool enabled_;
  fuse_session* session_ = nullptr;
};

}  // namespace filed
