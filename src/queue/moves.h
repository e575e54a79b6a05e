// The state machine: every way in which a job can change its directory, in one table.
#pragma once

#include "queue/job.h"

namespace filed {

// Who moves a job: somebody with mv(1), or filed itself.
enum class Mover { kUser, kFiled };

// What a move means.
enum class Move {
  // by a user
  kRename,        // another name in the same directory
  kRunAgain,      // attempts start from 0, due now or when its mtime says
  kCancel,        // never started; its log says so
  kStopAndFail,   // killed at once, no retry
  kStopAndQueue,  // killed at once, queued again, the attempt does not count
  // by filed
  kStart,    // claimed for an attempt
  kSucceed,  // exit status 0
  kFail,     // the last attempt failed
  kRetry,    // failed, and due again after a delay
  kPutBack,  // not the job's fault: the attempt does not count
  // by nobody
  kNotPermitted,  // EPERM
  kBusy,          // EBUSY
};

// What it means when a user renames a job from one directory to another.
Move user_move(Dir from, Dir to);

// True if filed itself takes a job from one directory to another by `move`.
bool is_filed_move(Dir from, Dir to, Move move);

}  // namespace filed
