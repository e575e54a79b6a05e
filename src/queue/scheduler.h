// Which jobs run next and which expire.
#pragma once

#include <cstdint>

#include "queue/attempts.h"
#include "queue/clock_steps.h"
#include "queue/core.h"
#include "queue/moves.h"
#include "queue/queue_watcher.h"
#include "queue/uploads.h"

namespace filed {

class Scheduler {
 public:
  Scheduler(const Core& core, const Uploads& uploads, Attempts& attempts, Moves& moves,
            WatcherLink& watcher)
      : core_(core), uploads_(uploads), attempts_(attempts), moves_(moves), watcher_(watcher) {}

  // Stages the claims of as many due jobs as there are free workers, in the order of their due
  // times, and the removal of some jobs that have expired. Sets the agenda's next_wall_ns to when
  // there will be more.
  void run();

 private:
  void claim_due(int64_t now_ns, int64_t free_workers);
  void expire(Dir dir, int64_t keep_ms, int64_t now_ns);
  int64_t expires_ns(const Job& job, int64_t keep_ms) const;

  const Core core_;
  const Uploads& uploads_;
  Attempts& attempts_;
  Moves& moves_;
  WatcherLink& watcher_;
  ClockSteps clock_steps_;
};

}  // namespace filed
