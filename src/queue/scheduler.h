// Which jobs run next and which expire.
//
// The next free worker goes to the owner whose turn it is (Shares), and there to the first job of
// `ls -ltr` that may run. A job that root has given a time before 1970 comes before all others.
//
// A look at an owner's jobs passes over those that are blocked, because they are open for writing,
// about to be renamed, or have an attempt under way. Where there are many, it parks them: takes them
// out of the index until nothing blocks them. So nobody makes a claim expensive by holding files
// open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "queue/attempts.h"
#include "queue/clock_steps.h"
#include "queue/core.h"
#include "queue/due_owners.h"
#include "queue/moves.h"
#include "queue/queue_watcher.h"
#include "queue/shares.h"
#include "queue/sole_holder.h"
#include "queue/uploads.h"
#include "queue/waiting_count.h"

namespace filed {

class Scheduler {
 public:
  Scheduler(const Core& core, Shares& shares, const Uploads& uploads, Attempts& attempts,
            Moves& moves, WatcherLink& watcher)
      : core_(core),
        shares_(shares),
        uploads_(uploads),
        attempts_(attempts),
        moves_(moves),
        watcher_(watcher),
        due_owners_(shares) {}

  // Stages the claims of as many due jobs as there are free workers, and the removal of some jobs
  // that have expired. Sets the agenda's next_wall_ns to when there will be more.
  void run();
  // Learns what this turn has staged. To be called before each commit.
  void note_changes();
  // The turn has ended. Counts a piece of what waits.
  void after_commit();

  // Looks again when next_deadline_ns() has come, monotonic.
  void run_deadlines(int64_t now_ns);
  std::optional<int64_t> next_deadline_ns() const { return sole_holder_.next_look_ns(); }

  // The owner that has held all workers for a minute while others wait, if there is one.
  std::optional<uid_t> sole_holder() const { return sole_holder_.told(); }
  // Jobs that may run but are not due yet.
  int64_t count_waiting() const { return waiting_count_.count(); }

 private:
  // What a look at an owner's jobs has found.
  struct Look {
    std::optional<Job> job;  // to be claimed
    std::string text;
    std::optional<int64_t> next_ns;  // when the next one falls due, if none is to be claimed
    std::vector<Job> passed;         // blocked
    int64_t passed_bytes = 0;        // of their texts
    bool whole = true;               // false: the look was ended because too much was passed
  };

  bool begin();
  void unblock();
  void claim_due(int64_t now_ns, int64_t free_workers);
  void look_for_sole_holder(int64_t now_ns);
  bool others_wait(uid_t holder, int64_t now_ns);
  bool find_job(uid_t uid, int64_t now_ns, Look& look);
  bool claim_of(uid_t uid, int64_t now_ns, std::optional<int64_t> urgent_ns);
  int look_at(uid_t uid, int64_t now_ns, Look& look) const;
  bool pass_over(const Look& look);
  bool is_blocked(const Job& job) const;
  void expire(Dir dir, int64_t keep_ms, int64_t now_ns);
  int64_t expires_ns(const Job& job, int64_t keep_ms) const;

  const Core core_;
  Shares& shares_;
  const Uploads& uploads_;
  Attempts& attempts_;
  Moves& moves_;
  WatcherLink& watcher_;
  DueOwners due_owners_;
  WaitingCount waiting_count_;
  SoleHolder sole_holder_;
  std::vector<uid_t> look_later_;  // owners whose look was not whole
  bool begun_ = false;
  ClockSteps clock_steps_;
};

}  // namespace filed
