// The state machine of a job. Every change of a job's state is a row of one table, and the table
// decides: the code that handles an event looks its row up and applies it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "queue/job.h"
#include "queue/totals.h"

namespace filed {

// What can happen to a job.
enum class Event : uint8_t {
  // by a user
  kCreate,         // a new file in a directory
  kWrite,          // opened for writing, or cut with truncate(2)
  kRewrite,        // its new text is stored
  kMoveToPending,  // mv, also within the directory
  kMoveToActive,
  kMoveToFailed,
  kMoveToComplete,
  kRemove,  // rm, or replaced by mv
  // by filed
  kClaim,          // taken for an attempt
  kSucceed,        // the attempt's exit status was 0
  kGiveUp,         // the last attempt failed
  kRetry,          // the attempt failed, and the job has attempts left
  kPutOff,         // the attempt could not start, but not because of the job
  kShutDown,       // filed stops
  kInterrupt,      // found active at a start: filed was killed
  kInterruptLast,  // the same, and the job has been interrupted too often
  kExpire,         // keep_complete or keep_failed is over
};
constexpr int kEvents = 17;

// What a transition does to the number of attempts made.
enum class AttemptsChange : uint8_t { kKeep, kReset, kCount };

// What a transition does to the mtime, which is the due time in pending/.
enum class MtimeChange : uint8_t {
  kKeep,
  kNow,
  kNowOrLater,  // now, but a time in the future stays
  kBackoff,     // the caller gives the time: the end of the backoff,
  kDelay,       // of a delay,
  kWriteTime,   // or the time of the last write
};

// What a transition does to the log.
enum class LogChange : uint8_t {
  kKeep,
  kBegin,   // a new one begins, or that of an unfinished attempt goes on
  kRevert,  // nothing has begun: it is again as before the claim
  kPause,   // the cause is added; the attempt has not ended, and its next start goes on in this log
  kEnd,     // the cause is added, if there is one. The log of the attempt before is discarded
  kCancel,  // the cause is added to the last log; if there is none, one with the text is made
  kDiscard,
};

// One row.
struct Transition {
  Event event = Event::kCreate;
  Dir from = Dir::kPending;
  std::optional<Dir> to;  // empty: the job is gone
  int error = 0;          // not 0: refused with this errno, and the rest does not matter
  AttemptsChange attempts = AttemptsChange::kKeep;
  MtimeChange mtime = MtimeChange::kKeep;
  LogChange log = LogChange::kKeep;
  bool kills = false;                  // the attempt's processes
  int64_t Totals::*counter = nullptr;  // the total that grows by one
  bool hook = false;                   // [hooks] runs a command
  bool watchers = false;               // inotify watchers are told by filed
  bool while_open = false;             // allowed while the job is open for writing, else EBUSY
  bool may_replace = false;            // may take the id of another job, which is then removed
  const char* cause = "";              // of the outcome; empty: the attempt has its own
  const char* message = "";            // for filed's log; see describe()

  // Changes directory, attempts, times and what the job knows of its log; a refusal is over. `now_ns`
  // is wall time; `due_ns` is the time for kBackoff, kDelay and kWriteTime. Not for a row that removes
  // the job.
  void apply(Job& job, int64_t now_ns, int64_t due_ns = 0) const;

  // The message for filed's log. A message that ends with ": " gets the job's cause behind it.
  std::string describe(const Job& job) const;
  // The same as a whole line: "job ID: MESSAGE".
  std::string log_line(const Job& job) const;
};

// The row for `event` in the directory `from`. If the table has no such row, one that is refused
// with EPERM.
const Transition& transition(Event event, Dir from);

// The event of a mv to `to`.
Event move_to(Dir to);

}  // namespace filed
