// The queue: what jobs there are, what may be done to them, and when they run. It knows rules and
// rows, but neither FUSE nor processes. Requests of users come as calls, orders to start and kill
// go out through Launcher, reports come back as LauncherEvents, and the time comes from a Clock.
//
// This class is the front of the parts that do the work: it owns them, and it decides the order of
// a turn. All calls come from one thread. A call stages its changes in the current turn, where
// later calls see them at once; end_turn() commits them. An operation that returns an errno has
// changed nothing. Only a failed write has: its file is incomplete from then on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "config/live_settings.h"
#include "launcher/launcher_interface.h"
#include "queue/agenda.h"
#include "queue/attempts.h"
#include "queue/attributes.h"
#include "queue/caller.h"
#include "queue/core.h"
#include "queue/event_router.h"
#include "queue/hooks.h"
#include "queue/job.h"
#include "queue/jobs.h"
#include "queue/moves.h"
#include "queue/open_files.h"
#include "queue/queue_watcher.h"
#include "queue/scheduler.h"
#include "queue/shares.h"
#include "queue/store.h"
#include "queue/turn.h"
#include "queue/uploads.h"
#include "queue/user_caps.h"
#include "queue/user_quota.h"

namespace filed {

class Queue {
 public:
  struct Options {
    // Attempts run as the owners of their jobs, so only the owner and root may write a job's text.
    bool owner_mode = false;
    // Users that may not own a job, because filed serves as them.
    std::vector<uid_t> refused_owners;
    std::string mount_dir;  // for hooks
    HookSettings hooks;
    std::string containment;  // what keeps the processes of attempts together, for `status`
  };

  // recover() is to be called for the store before the first turn.
  Queue(Store& store, Launcher& launcher, const Clock& clock, LiveSettings settings,
        const Options& options);
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  void set_watcher(QueueWatcher* watcher) { watcher_.set(watcher); }
  // Where the launcher reports.
  LauncherEvents& launcher_events() { return events_; }

  // For a start: takes over an attempt that is still to be killed (Store::kill_pending), and whose
  // process does not die. Its job waits until it is reported as exited.
  void take_over(AttemptId attempt, pid_t pid, char state);

  // --- what there is

  const Jobs& jobs() const { return jobs_; }
  // Jobs that may run but are not due yet. Fewer for a moment after a start, while they are counted.
  int64_t count_waiting() const { return scheduler_.count_waiting(); }
  // The owner that has held all workers for a minute while others wait.
  std::optional<uid_t> sole_holder() const { return scheduler_.sole_holder(); }
  const Totals& totals() const { return attempts_.totals(); }
  const Attempts& attempts() const { return attempts_; }
  const QueueSettings& settings() const { return live_.queue(); }
  const std::string& containment() const { return options_.containment; }
  // The largest offset that any open descriptor has read from a log of this job.
  int64_t log_read_to(int64_t ino) const { return open_files_.log_read_to(ino); }
  // The leader of the job's attempt, while the job is active; 0 if there is none.
  pid_t pid_of(int64_t ino) const;
  // The retries that the job has: for a running attempt those that were set when it began.
  int retries_of(int64_t ino) const;

  // --- files of jobs

  // Makes a pending job and opens it for writing. It is only in memory, and lost by a crash, until
  // its first text is flushed, or it is renamed or closed. EPERM if `dir` is not pending/ or the
  // caller may not own a job, EEXIST if the id is in any directory, EINVAL, ENAMETOOLONG, EDQUOT.
  int create(Dir dir, std::string_view id, mode_t mode, const Caller& caller, Job& job,
             OpenJob& file);
  // EACCES for writing to a job that is not pending, or in owner mode to another owner's job.
  // ENOENT, EDQUOT.
  int open(int64_t ino, bool write, bool truncate, const Caller& caller, OpenJob& file);
  int read(OpenJob& file, int64_t offset, int64_t size, std::string& bytes) {
    return jobs_.read(file, offset, size, bytes);
  }
  // See Uploads.
  int write(OpenJob& file, int64_t offset, std::string_view bytes) {
    return uploads_.write(file, offset, bytes);
  }
  int flush(OpenJob& file) { return uploads_.flush(file); }
  void close(OpenJob& file);

  // --- attributes and moves

  // Checks that the kernel cannot make. EPERM for a new owner that may not own a job, and for a mtime
  // before 1970 by anyone but root. In owner mode see Attributes::check(), too.
  int check_change(int64_t ino, const AttributeChange& change, const Caller& caller,
                   bool by_writer) const;
  int set_attributes(int64_t ino, const AttributeChange& change, Job& job) {
    return attributes_.set(ino, change, job);
  }
  // See Moves.
  int rename(Dir from, std::string_view id, Dir to, std::string_view new_id, bool no_replace) {
    return moves_.rename(from, id, to, new_id, no_replace);
  }
  int remove(Dir dir, std::string_view id) { return moves_.remove(dir, id); }
  // To be called before such a change. If it ends an attempt, kills that first: see
  // Attempts::kill_before. Else calls `done` at once.
  void before_rename(Dir from, std::string_view id, Dir to, std::string_view new_id,
                     std::function<void(int error)> done);
  void before_remove(Dir dir, std::string_view id, std::function<void(int error)> done);

  // A fresh id of kNewIdLength characters: not used by any job, never given before. Errno of the
  // store.
  int new_id(std::string& id);
  static constexpr size_t kNewIdLength = 8;

  // --- settings

  std::string settings_text() const { return live_.text(); }
  // When that text has changed last: a write, a reload, or the start. By the wall clock.
  int64_t settings_changed_ns() const { return settings_changed_ns_; }
  // What was written to config.ini, or only appended: see LiveSettings. EINVAL: the log says why.
  int write_settings(std::string_view text, bool appended = false);
  int check_settings(std::string_view lines, bool appended);
  void set_base_settings(const Settings& base);

  // --- time and turns

  Turn& turn() { return turn_; }
  // See Uploads.
  std::optional<int64_t> gather_until_ns() { return uploads_.gather_until_ns(); }
  // Does what is due, claims jobs for free workers, commits. Then runs what waited for the commit.
  // Returns 0 or the errno of the commit. `looked_ns`: the monotonic time at which the caller began to
  // look for this turn's events; empty: now. Only what was due by then is killed. So an attempt that
  // has ended while this process stood still has not timed out.
  int end_turn(std::optional<int64_t> looked_ns = std::nullopt);
  // After each request. On a full disk each is committed alone, so that none depends on others.
  void request_served();
  // When the latest change was committed, by the wall clock; or the start.
  int64_t changed_ns() const { return changed_ns_; }
  // When end_turn() has something to do, monotonic; empty: not before the next event.
  std::optional<int64_t> next_deadline_ns() const;
  // When a job falls due or expires, by the wall clock.
  std::optional<int64_t> next_wall_ns() const { return agenda_.next_wall_ns; }
  // The wall clock was set, or next_wall_ns() has come.
  void wall_clock_due() { agenda_.rescan_needed = true; }

  // Starts nothing more. Running attempts get stop_grace, then SIGTERM, then SIGKILL, and their jobs
  // go back to pending. A second call kills at once.
  void stop();
  // Also true if the ends cannot be stored; those jobs run again at the next start.
  bool stopped() const;

 private:
  void retry_due(int64_t now_ns);
  void migrate();
  int commit();
  bool may_own(uid_t uid, std::string_view id) const;
  int refuse_settings(const std::string& reason, const std::string& text_before);
  void note_settings_text(const std::string& before);

  Store& store_;
  LiveSettings live_;
  const Options options_;
  Turn turn_;
  Agenda agenda_;
  OwnerLog owner_log_;
  const Core core_;
  WatcherLink watcher_;
  Hooks hooks_;
  UserQuota quota_;
  UserCaps caps_;
  Shares shares_;
  OpenFiles open_files_;
  Uploads uploads_;
  Attempts attempts_;
  Jobs jobs_;
  Moves moves_;
  Attributes attributes_;
  Scheduler scheduler_;
  EventRouter events_;
  int64_t changed_ns_;
  int64_t settings_changed_ns_;
};

}  // namespace filed
