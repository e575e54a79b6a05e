// The attempts that are under way, each from the claim of its job to the commit of its end.
//
// What the launcher reports comes in as LauncherEvents. An end is staged in the turn that learns of
// it, and the attempt is forgotten when that turn is committed. What cannot be committed, for
// example on a full disk, stays in memory and is staged again after kRetryDelayNs. An attempt that
// has ended is not repeated because of it, unless filed crashes, or stops before the disk takes the
// end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "launcher/launcher_interface.h"
#include "queue/attempt_log.h"
#include "queue/core.h"
#include "queue/deadlines.h"
#include "queue/hooks.h"
#include "queue/job.h"
#include "queue/open_files.h"
#include "queue/queue_watcher.h"
#include "queue/shares.h"
#include "queue/totals.h"
#include "queue/transitions.h"
#include "queue/user_caps.h"

namespace filed {

// The settings that are in force for an attempt: those at its claim.
struct JobTerms {
  int retries = 0;
  int64_t timeout_ms = 0;  // 0: none
  int64_t kill_grace_ms = 0;
};

struct Attempt {
  //                 Started           timeout / stop_grace over     kill_grace over
  //      kStarting ───────► kRunning ──────────────► kTerminating ────────► kKilling
  //          │ StartFailed      │ Exited                 │ Exited    Undying │  │ Exited
  //          │                  │                        │       kUndying ◄──┘  │
  //          │                  │                        │           │ Exited   │
  //          └──────────────────┴───────────┬────────────┴───────────┴──────────┘
  //                                         ▼      staged in this turn
  //                                      kEnded ◄──────────► kLeaving ──► forgotten
  //                                         commit failed        committed
  //
  // Not drawn: a removal or a move by a user leads from kStarting, kRunning and kTerminating straight
  // to kKilling; a stop leads from kStarting to kTerminating.
  //
  // An attempt in kUndying holds no worker. A start that does not end goes there from kStarting, and
  // from kRunning an attempt whose leader has ended while another process of it does not die.
  enum class Phase : uint8_t {
    kStarting,
    kRunning,
    kTerminating,
    kKilling,
    kUndying,
    kEnded,
    kLeaving
  };
  // Why filed ended it, if it did.
  enum class Verdict : uint8_t { kNone, kTimedOut, kShutDown };
  // Whether its end still means something for its job. kDetaching: not any more, unless this turn
  // is rolled back.
  enum class Tie : uint8_t { kAttached, kDetaching, kDetached };

  AttemptId id = 0;  // also the number of its log
  int64_t ino = 0;   // of its job, and the job's id and owner at the claim
  std::string job_id;
  uid_t uid = 0;
  int number = 0;  // FILED_ATTEMPT
  JobTerms terms;
  std::shared_ptr<AttemptLog> log;
  // What the job's row had at the claim. If another attempt has made that log, it is held.
  struct Before {
    int64_t log = 0;
    int64_t log_size = 0;
    int64_t atime_ns = 0;
    Outcome outcome;
  };
  Before before;
  pid_t pid = 0;     // of its leader, in kUndying of what does not die; 0 while it starts
  char state = '?';  // of that process, in kUndying
  int64_t started_mono_ns = 0;  // when it was claimed, then when it was started
  int64_t last_output_ns = 0;   // wall time; the file's mtime
  int64_t charged = 0;          // bytes of its log that its owner is charged by no row

  Phase phase = Phase::kStarting;
  Verdict verdict = Verdict::kNone;
  Tie tie = Tie::kAttached;
  std::string late_output;          // printed while kDetaching
  std::optional<AttemptExit> exit;  // of an attempt that was started and has ended
  StartFailure failure;             // of one that could not be started
  bool output_held = false;         // the launcher does not read its pipe

  bool ended() const { return phase == Phase::kEnded || phase == Phase::kLeaving; }
};

class Attempts final : public LauncherEvents {
 public:
  Attempts(const Core& core, Shares& shares, UserCaps& caps, OpenFiles& open_files,
           Launcher& launcher, Hooks& hooks, WatcherLink& watcher)
      : core_(core),
        shares_(shares),
        caps_(caps),
        open_files_(open_files),
        launcher_(launcher),
        hooks_(hooks),
        watcher_(watcher) {}

  // Stages the claim of a job by row kClaim. The attempt is started after the commit. Returns 0 or
  // the errno of the store.
  int claim(const Job& before, std::string_view text);
  // Kills the attempt of an active job, and calls `done` with 0 when its processes have got SIGKILL,
  // or if they were never started. If that has not begun within kKillWaitNs, the attempt goes on,
  // and `done` gets EBUSY. May call it at once. The job does not change.
  void kill_before(int64_t ino, std::function<void(int error)> done);
  // Stages the end of an active job's attempt as `row` says: its log ends now, and what kill_before()
  // has not killed is killed after the commit. `job` is the row before, with the caller's changes. If
  // the commit fails, an attempt that was not killed goes on.
  int stop(const Job& before, Job job, const Transition& row);
  // Stages that the attempt's end means nothing for its job any more. What kill_before() has not killed
  // is killed after the commit. Returns 0 or the errno of the store.
  int abandon(Attempt& attempt, const Transition& row);

  // The attempt of an active job, or nullptr.
  Attempt* of(int64_t ino);
  const Attempt* of(int64_t ino) const;
  // True if an attempt of the job has not ended, or its end is not committed. An attempt that was
  // abandoned counts too, also that of a removed job with the same id.
  bool has_unfinished(const Job& job) const {
    return by_job_.contains(job.ino) || by_id_.contains(job.id);
  }
  // Sets the mtime of an active job's file until its next output.
  void touch(Attempt& attempt, int64_t mtime_ns);
  // Lays the size and the mtime of the growing log over an active job's row.
  void overlay(Job& job) const;
  // The attempts that hold a worker: all but those whose end is staged and those in kUndying.
  int64_t busy_workers() const {
    return static_cast<int64_t>(attempts_.size() - undying_.size()) - leaving_;
  }
  // For a start: an attempt of an earlier filed that does not die. It is in kUndying, and means
  // nothing for its job but that the job waits. `exited` follows. May be called for each process.
  void take_over(const KillPending& left, pid_t pid, char state);
  // Those that do not die, in the order of their claims, but at most so many; and how many there are.
  // They count for their owners' shares.
  std::vector<const Attempt*> undying(size_t most = SIZE_MAX) const;
  size_t count_undying() const { return undying_.size(); }
  const Totals& totals() const { return totals_; }

  void started(AttemptId id, pid_t pid) override;
  void start_failed(AttemptId id, const StartFailure& failure) override;
  void output(AttemptId id, std::string_view bytes) override;
  void killed(AttemptId id) override;
  void undying(AttemptId id, pid_t pid, char state) override;
  void exited(AttemptId id, const AttemptExit& exit) override;

  // Sends SIGTERM to what has run too long, and SIGKILL after kill_grace.
  void run_deadlines(int64_t now_ns);
  // Stages output that has waited long enough.
  void save_output(int64_t now_ns);
  // Stages again the ends that a commit failed to store.
  void retry_ends();
  std::optional<int64_t> next_deadline_ns() const;
  std::optional<int64_t> next_save_ns() const { return saves_.next(); }

  // Gives every attempt `grace_ns`, then SIGTERM, then SIGKILL.
  void stop_all(int64_t now_ns, int64_t grace_ns);
  // Sends SIGKILL to every attempt at the next deadline, which is now.
  void kill_all(int64_t now_ns);
  // True if nothing but what does not die is left. The next start runs those jobs again.
  bool all_ended() const { return attempts_.size() == undying_.size(); }
  // If only a full disk delays the stop, filed gives up. The next start runs those jobs again.
  void give_up();
  bool gave_up() const { return gave_up_; }

 private:
  // The attempts of one job that are not forgotten.
  struct OfJob {
    Attempt* attached = nullptr;
    int unfinished = 0;
  };

  Attempt* find(AttemptId id);
  Attempt& add(const Job& job, const Job& before, std::shared_ptr<AttemptLog> log);
  int begin_log(const Job& before, Job& job, std::string_view text,
                std::shared_ptr<AttemptLog>& log);
  void start(const StartRequest& request, const Job& job, const Transition& row);
  void charge(Attempt& attempt, int64_t bytes);
  void charge_log(Attempt& attempt);
  void end(Attempt& attempt);
  void end_kill_wait(AttemptId id, int error);
  bool free_worker(Attempt& attempt);
  void stage_end(Attempt& attempt);
  void stage_detached_end(Attempt& attempt);
  int release_last_log(const Attempt& attempt);
  int revert(const Attempt& attempt, Job& job);
  int write_end(Attempt& attempt, const Transition*& row, Job& job);
  Event event_of_end(const Attempt& attempt, const Job& before, const std::string& cause) const;
  int64_t due_again_ns(const Attempt& attempt, const Transition& row, int attempts_made);
  int64_t next_try_ns(const Attempt& attempt);
  void finish(const Attempt& attempt, const Job& job, const Transition& row);
  void log_end(const Attempt& attempt, const Job& job, const Transition& row) const;
  void finish_abandon(AttemptId id, const Transition& row, int error);
  void output_saved(AttemptId id, int error);
  void forget(AttemptId id);

  const Core core_;
  Shares& shares_;
  UserCaps& caps_;
  OpenFiles& open_files_;
  Launcher& launcher_;
  Hooks& hooks_;
  WatcherLink& watcher_;
  Totals totals_;
  std::unordered_map<AttemptId, Attempt> attempts_;
  std::unordered_map<int64_t, OfJob> by_job_;   // by inode number
  std::unordered_map<std::string, int> by_id_;  // how many were claimed for jobs of that id
  // Calls of kill_before() that wait for the kill of an attempt.
  std::unordered_map<AttemptId, std::vector<std::function<void(int error)>>> kill_waits_;
  Deadlines kill_wait_ends_;              // when these give up, monotonic
  Deadlines deadlines_;                   // of the next step against each, monotonic
  Deadlines saves_;                       // when its output is to be staged
  std::set<AttemptId> undying_;           // those in kUndying
  int64_t leaving_ = 0;                   // attempts in kLeaving
  std::vector<AttemptId> ends_to_retry_;  // that a commit failed to store
  bool gave_up_ = false;
  // When the last job of each owner that has reached a limit is tried again, monotonic. Each owner
  // since the start.
  std::unordered_map<uid_t, int64_t> next_try_ns_;
};

}  // namespace filed
