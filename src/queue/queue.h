// The queue: what jobs there are, what may be done to them, and when they run. It knows rules and
// rows, but neither FUSE nor processes: users come as calls, attempts go out through Launcher and
// come back as LauncherEvents, time is a Clock.
//
// All calls come from one thread. What a call changes is staged in the current turn and is visible
// to later calls at once; end_turn() commits it. An operation that returns an errno has changed
// nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "config/live_settings.h"
#include "launcher/launcher_interface.h"
#include "queue/attempt_log.h"
#include "queue/hooks.h"
#include "queue/job.h"
#include "queue/moves.h"
#include "queue/store.h"
#include "queue/turn.h"

namespace filed {

struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  bool group_of_directory = false;  // `gid` is a setgid directory's
};

// What chmod, chown, touch and truncate change; what is not set stays.
struct AttributeChange {
  std::optional<mode_t> mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<int64_t> size;
  std::optional<int64_t> atime_ns;
  std::optional<int64_t> mtime_ns;
};

// A job's file, opened. It keeps showing what it showed when it was opened: the text, or the log of
// one attempt.
struct OpenJob {
  enum class View { kText, kLog };
  int64_t ino = 0;
  View view = View::kText;
  bool writer = false;
  // Made as mkstemp(3) makes a file: a program that is about to rename it, in all likelihood.
  bool temporary = false;
  uid_t opened_by = 0;
  int64_t log = 0;  // kLog: which one, and its size
  int64_t log_size = 0;
  std::shared_ptr<AttemptLog> live;  // kLog: when the attempt was running
  AttemptLog::Reader reader;
};

// Attempts since the daemon's start.
struct Totals {
  int64_t started = 0;
  int64_t succeeded = 0;
  int64_t retried = 0;
  int64_t failed = 0;
  int64_t killed = 0;
};

// Told of what the queue does of its own accord, once it is committed.
class QueueWatcher {
 public:
  virtual ~QueueWatcher() = default;
  virtual void notify_moved(const Job& job, Dir from) = 0;  // `job` as it is now
  virtual void notify_removed(const Job& job) = 0;
};

class Queue final : public LauncherEvents {
 public:
  struct Options {
    // Attempts run as the owners of their jobs, so only the owner and root may write a job's text.
    bool owner_mode = false;
    std::string mount_dir;  // for hooks
    HookSettings hooks;
  };

  Queue(Store& store, Launcher& launcher, const Clock& clock, LiveSettings settings,
        const Options& options);

  // The attempts that were under way when the last daemon died, or were to be killed.
  std::vector<AttemptId> interrupted_runs();
  // Puts their jobs back. Once, before anything else.
  int recover();
  void set_watcher(QueueWatcher* watcher) { watcher_ = watcher; }

  // --- what is there

  int get(int64_t ino, Job& job);                    // ENOENT
  int find(Dir dir, std::string_view id, Job& job);  // ENOENT, ENAMETOOLONG
  // The jobs of a directory in the order of their numbers, above `after`, until `row` returns
  // false. With `names_only`, nothing of a job is to be relied on but its number, id and directory.
  int list(Dir dir, int64_t after, const std::function<bool(const Job&)>& row,
           bool names_only = false);
  Counts counts() const;
  int64_t count_waiting() { return store_.count_waiting(clock_.wall_ns()); }
  const Totals& totals() const { return totals_; }
  const QueueSettings& settings() const { return live_.queue(); }

  // --- jobs, by their users

  // Makes a pending job and opens it for writing. It is in memory only, and lost by a crash, until
  // its first data is flushed, it is renamed, or it is closed. EEXIST if the id is in any
  // directory.
  int create(std::string_view id, mode_t mode, const Caller& caller, Job& job, OpenJob& file);
  // EACCES for writing to a job that is not pending, or not one's own in owner mode.
  int open(int64_t ino, bool write, bool truncate, const Caller& caller, OpenJob& file);
  int read(OpenJob& file, int64_t offset, int64_t size, std::string& bytes);
  // How far those have read who have a log of the job open, be it of an attempt that is over.
  int64_t log_read_to(int64_t ino) const;
  // EFBIG above job_size_limit, EDQUOT above upload_limit.
  int write(OpenJob& file, int64_t offset, std::string_view bytes);
  // Stages the text as it is now; nothing if there is none. EINVAL for a NUL byte in it.
  int flush(OpenJob& file);
  // The last close by a writer makes the job runnable; that of a temporary file, a second later or
  // when it is renamed. Text that could not be flushed is dropped.
  void close(OpenJob& file);
  // Whether the caller may make that change, for what the kernel, which has gone by the file's
  // mode, cannot know. In owner mode, EACCES for the size and the times of another's job, and EBUSY
  // for giving away a job that its owner has open for writing: what is still to come would run as
  // another. `by_writer`: through an open file, whose opening was checked.
  int check_change(int64_t ino, const AttributeChange& change, const Caller& caller,
                   bool by_writer);
  // Adds to what upload_limit counts etc. when the size changes; EINVAL where that makes NUL bytes.
  int set_attributes(int64_t ino, const AttributeChange& change, Job& job);
  // The rows of the table of moves. EPERM, EBUSY, EEXIST, ENOENT, ENAMETOOLONG.
  int rename(Dir from, std::string_view id, Dir to, std::string_view new_id, bool no_replace);
  int remove(Dir dir, std::string_view id);

  // A fresh id: not used by any job, never given before.
  int new_id(std::string& id);
  // How long that will be; too long, if anything.
  size_t new_id_length() const;

  // --- settings

  std::string settings_text() const { return live_.text(); }
  int write_settings(std::string_view text);  // EINVAL; the reason is in the log and in the text
  void set_base_settings(const Settings& base);

  // --- attempts, as the launcher tells

  void started(AttemptId run, pid_t pid) override;
  void start_failed(AttemptId run, const StartFailure& failure) override;
  void output(AttemptId run, std::string_view bytes) override;
  void exited(AttemptId run, const AttemptExit& exit) override;
  // The process that leads the attempt, while it is active; 0: none.
  pid_t pid_of(int64_t ino) const;

  // --- time and turns

  Turn& turn() { return turn_; }
  // Others are about to close what they have written: a commit that waits for them a moment is
  // theirs, too. Only while somebody waits for a commit.
  bool expects_receipts() const;
  // Does what is due, claims jobs for free workers, commits. Then runs what waited for the commit.
  int end_turn();
  // When tick() has something to do, by the monotonic clock; negative: not before the next event.
  int64_t next_deadline_ns() const;
  // When a job falls due or expires, by the wall clock; negative: never.
  int64_t next_wall_ns() const { return next_wall_ns_; }
  // The wall clock has moved by itself, or next_wall_ns() has come.
  void wall_clock_due() { look_for_due_ = true; }

  // No more starts; running attempts get stop_grace, then TERM, then KILL, and go back to pending.
  // A second call kills at once.
  void stop();
  // Also when all has ended but the disk does not take it: those jobs run again after the next
  // start.
  bool stopped() const { return stopping_ && hooks_.idle() && (runs_.empty() || gave_up_); }

 private:
  // A pending job that somebody has open for writing.
  struct Upload {
    bool stored = false;  // it has a row; else `job` is all there is
    Job job;
    std::string text;
    uint64_t version = 0;  // of the text and its mtime
    uint64_t saved_version = 0;
    int writers = 0;
    bool removed = false;  // by rm or rename, while open
    bool renamed = false;  // since its first open
    int failed = 0;        // errno of a write that did not fit: the text is incomplete
    int user_writers = 0;  // writers that are not root's
    uid_t charged_to = 0;

    bool dirty() const { return version != saved_version; }
  };

  // An attempt, from the claim to the commit of its end.
  struct Run {
    AttemptId id = 0;
    int64_t ino = 0;
    std::string job_id;
    uid_t uid = 0;
    int number = 0;  // FILED_ATTEMPT
    std::shared_ptr<AttemptLog> log;
    pid_t pid = 0;
    int64_t started_mono_ns = 0;
    int64_t last_output_ns = 0;  // wall time; the file's mtime
    int64_t timeout_ms = 0;

    bool detached = false;    // no longer its job's: moved or removed by a user
    bool detaching = false;   // since this turn, which may yet be taken back
    std::string late_output;  // what came since
    bool terminated = false;  // it was sent SIGTERM
    bool timed_out = false;
    bool put_back = false;  // filed stops
    bool ended = false;     // exit or failure is known and waits to be saved
    bool leaving = false;   // that is staged in this turn
    std::optional<AttemptExit> exit;
    StartFailure failure;

    int64_t deadline_ns = -1;  // of the next step against it, monotonic; -1: none
    int64_t save_at_ns = -1;   // when its output is to be written at the latest
    bool output_held = false;
  };

  // A job that was removed and is still open: its text, if its owner had room for it.
  struct Ghost {
    Job job;
    std::string text;
    bool has_text = false;
  };

  // How often a job's file is open, and how far its logs were read by those who have it open.
  struct Openings {
    int count = 0;
    int64_t log_read_to = 0;
  };

  // What a user has in memory. Files count, too: an empty one costs as well.
  struct Held {
    int64_t bytes = 0;
    int64_t files = 0;
  };

  // queue.cc
  Run* run_of(int64_t ino);
  const Upload* upload_of(int64_t ino) const;
  void overlay(Job& job) const;
  int check_new_id(std::string_view id, int64_t except_ino);
  bool id_in_use(std::string_view id);
  int cancel(const Job& before, Job job);
  int stop_attempt(const Job& before, Job job, Run& run, Dir to);
  int replace_or_remove(const Job& job);
  int discard_log(const Job& job);
  void keep_ghost(const Job& job);
  void keep_ghost_of(const Upload& upload);
  void forget_ghost(int64_t ino);
  int read_log(OpenJob& file, int64_t offset, int64_t size, std::string& bytes);
  void count_open(const OpenJob& file);
  int detach(Run& run);

  // uploads.cc
  int charge(uid_t uid, int64_t bytes, int64_t files);
  void discharge(uid_t uid, int64_t bytes, int64_t files);
  int start_upload(const Job& job, bool truncate, const Caller& caller, Upload*& upload);
  int resize(Upload& upload, int64_t size);
  void touched(Upload& upload);
  int stage_text(Upload& upload);
  int store_unstored(Upload& upload);
  int truncate_closed(const Job& before, Job& job, int64_t size);
  void end_upload(int64_t ino);
  void settle_upload(int64_t ino);

  // attempts.cc
  void claim_due();
  int claim(const Job& before, std::string_view text);
  bool leave(Run& run);
  void settle(Run& run);
  int stage_end(Run& run, Job& job, Move& move);
  int64_t due_again_ns(const Run& run);
  void save_output(int64_t now_ns);
  void run_deadlines(int64_t now_ns);
  void expire(Dir dir, int64_t keep_ms, int64_t now_ns);
  void give_up();
  void forget(AttemptId id);
  void moved(const Job& job, Dir from);
  void log_end(const Run& run, const Job& job, Move move);

  Store& store_;
  Launcher& launcher_;
  const Clock& clock_;
  LiveSettings live_;
  Options options_;
  Hooks hooks_;
  Turn turn_;
  QueueWatcher* watcher_ = nullptr;
  Totals totals_;

  std::map<int64_t, Upload> uploads_;
  std::unordered_map<std::string, int64_t> unstored_;  // id → number of the uploads without a row
  std::unordered_map<uid_t, Held> held_;               // by each user: uploads, removed texts
  std::unordered_map<int64_t, Openings> open_files_;   // by job
  std::unordered_map<int64_t, int> text_views_;        // those of them that show the text
  std::unordered_map<int64_t, int> log_readers_;       // by log
  std::set<int64_t> deferred_logs_;            // to be removed when their last reader has closed
  std::unordered_map<int64_t, Ghost> ghosts_;  // removed, but still open

  // Jobs whose temporary file was closed and may yet be renamed → when they are claimed all the
  // same.
  std::unordered_map<int64_t, int64_t> settling_;

  std::unordered_map<AttemptId, Run> runs_;
  std::unordered_map<int64_t, AttemptId> attached_;  // job → its run
  std::unordered_map<int64_t, int> running_of_;      // job → runs of it that have not ended
  size_t receipts_ = 0;                              // texts that this turn has staged
  size_t last_receipts_ = 0;                         // and the last turn with any
  bool look_for_due_ = true;  // something has changed since claim_due() found nothing to do
  int64_t leaving_ = 0;       // of the runs, those whose end this turn has staged
  bool unsettled_ = false;    // some ended runs could not be saved
  int64_t retry_ns_ = -1;     // when what failed for the machine's reasons is tried again
  std::unordered_map<uid_t, int64_t> put_back_ns_;  // when the last of an owner's is due, monotonic
  int64_t next_wall_ns_ = -1;
  bool stopping_ = false;
  bool gave_up_ = false;
};

}  // namespace filed
