#include "queue/transitions.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/log.h"

namespace filed {
namespace {

constexpr Dir P = Dir::kPending;
constexpr Dir A = Dir::kActive;
constexpr Dir F = Dir::kFailed;
constexpr Dir C = Dir::kComplete;
constexpr std::optional<Dir> gone = std::nullopt;

using E = Event;
using N = AttemptsChange;
using M = MtimeChange;
using L = LogChange;

// clang-format off
constexpr Transition kTable[] = {
    {.event = E::kCreate,         .from = P, .to = P},

    {.event = E::kWrite,          .from = P, .to = P, .while_open = true},
    {.event = E::kWrite,          .from = A, .to = A, .error = EACCES},
    {.event = E::kWrite,          .from = F, .to = F, .error = EACCES},
    {.event = E::kWrite,          .from = C, .to = C, .error = EACCES},
    // A new text makes a new job: attempts, log and outcome are reset.
    {.event = E::kRewrite,        .from = P, .to = P, .attempts = N::kReset, .mtime = M::kWriteTime,
     .log = L::kDiscard, .while_open = true},

    {.event = E::kMoveToPending,  .from = P, .to = P, .while_open = true, .may_replace = true},
    {.event = E::kMoveToFailed,   .from = F, .to = F},
    {.event = E::kMoveToComplete, .from = C, .to = C},
    {.event = E::kMoveToActive,   .from = A, .to = A, .error = EBUSY},
    {.event = E::kMoveToPending,  .from = F, .to = P, .attempts = N::kReset, .mtime = M::kNowOrLater},
    {.event = E::kMoveToPending,  .from = C, .to = P, .attempts = N::kReset, .mtime = M::kNowOrLater},
    {.event = E::kMoveToFailed,   .from = P, .to = F, .mtime = M::kNow, .log = L::kCancel,
     .cause = "cancelled by mv to failed", .message = "cancelled"},
    {.event = E::kMoveToFailed,   .from = A, .to = F, .attempts = N::kCount, .mtime = M::kNow,
     .log = L::kEnd, .kills = true, .counter = &Totals::killed,
     .cause = "stopped by mv to failed", .message = "stopped by mv to failed"},
    {.event = E::kMoveToPending,  .from = A, .to = P, .mtime = M::kNow,
     .log = L::kEnd, .kills = true, .counter = &Totals::killed,
     .cause = "stopped by mv to pending", .message = "stopped by mv to pending"},

    {.event = E::kRemove,         .from = P, .to = gone, .log = L::kDiscard, .while_open = true,
     .message = "removed from pending"},
    {.event = E::kRemove,         .from = A, .to = gone, .log = L::kDiscard, .kills = true,
     .counter = &Totals::killed, .message = "removed from active"},
    {.event = E::kRemove,         .from = F, .to = gone, .log = L::kDiscard,
     .message = "removed from failed"},
    {.event = E::kRemove,         .from = C, .to = gone, .log = L::kDiscard,
     .message = "removed from complete"},
    {.event = E::kExpire,         .from = F, .to = gone, .log = L::kDiscard, .watchers = true,
     .message = "removed from failed"},
    {.event = E::kExpire,         .from = C, .to = gone, .log = L::kDiscard, .watchers = true,
     .message = "removed from complete"},

    {.event = E::kClaim,          .from = P, .to = A, .log = L::kBegin, .counter = &Totals::started,
     .watchers = true},
    {.event = E::kSucceed,        .from = A, .to = C, .attempts = N::kCount, .mtime = M::kNow,
     .log = L::kEnd, .counter = &Totals::succeeded, .hook = true, .watchers = true,
     .message = "complete"},
    {.event = E::kGiveUp,         .from = A, .to = F, .attempts = N::kCount, .mtime = M::kNow,
     .log = L::kEnd, .counter = &Totals::failed, .hook = true, .watchers = true,
     .message = "failed: "},
    {.event = E::kRetry,          .from = A, .to = P, .attempts = N::kCount, .mtime = M::kBackoff,
     .log = L::kEnd, .counter = &Totals::retried, .watchers = true,
     .message = "waits for a retry: "},
    {.event = E::kPutOff,         .from = A, .to = P, .mtime = M::kDelay,
     .log = L::kRevert, .watchers = true, .message = "put back"},
    {.event = E::kShutDown,       .from = A, .to = P,
     .log = L::kPause, .watchers = true, .cause = "stopped with filed",
     .message = "put back: "},
    {.event = E::kInterrupt,      .from = A, .to = P, .log = L::kPause,
     .cause = "interrupted: filed was killed or the machine stopped",
     .message = "was running when filed died, runs again"},
    {.event = E::kInterruptLast,  .from = A, .to = F, .attempts = N::kCount, .mtime = M::kNow,
     .log = L::kEnd, .hook = true, .message = "failed: "},
};
// clang-format on

constexpr Transition kRefused = {.to = gone, .error = EPERM};

// [event][from] → the row, so that a look-up costs no search.
constexpr auto kIndex = [] {
  std::array<std::array<const Transition*, kDirs>, kEvents> index{};
  for (auto& row : index) row.fill(&kRefused);
  for (const Transition& row : kTable) {
    index[static_cast<size_t>(row.event)][static_cast<size_t>(row.from)] = &row;
  }
  return index;
}();

}  // namespace

const Transition& transition(Event event, Dir from) {
  return *kIndex[static_cast<size_t>(event)][static_cast<size_t>(from)];
}

Event move_to(Dir to) {
  constexpr Event kEvent[kDirs] = {E::kMoveToPending, E::kMoveToActive, E::kMoveToFailed,
                                   E::kMoveToComplete};
  return kEvent[static_cast<size_t>(to)];
}

void Transition::apply(Job& job, int64_t now_ns, int64_t due_ns) const {
  if (to) job.dir = *to;
  job.ctime_ns = now_ns;
  job.refused = 0;
  switch (attempts) {
    case N::kKeep:
      break;
    case N::kReset:
      job.attempts = 0;
      break;
    case N::kCount:
      ++job.attempts;
      break;
  }
  switch (mtime) {
    case M::kKeep:
      break;
    case M::kNow:
      job.mtime_ns = now_ns;
      break;
    case M::kNowOrLater:
      job.mtime_ns = std::max(job.mtime_ns, now_ns);
      break;
    case M::kBackoff:
    case M::kDelay:
    case M::kWriteTime:
      job.mtime_ns = due_ns;
      break;
  }
  if (log == L::kBegin && job.attempt_unfinished()) {
    int interruptions = job.outcome.interruptions;
    job.log_size = 0;  // of a running attempt the size is not stored
    job.outcome = {};
    job.outcome.interruptions = interruptions;
  } else if (log == L::kBegin || log == L::kDiscard) {
    job.log = job.log_size = 0;
    job.outcome = {};
  }
  if (*cause != '\0') job.outcome.cause = cause;
}

std::string Transition::describe(const Job& job) const {
  std::string text = message;
  if (text.ends_with(": ")) text += job.outcome.cause;
  return text;
}

std::string Transition::log_line(const Job& job) const {
  return "job " + escaped(job.id) + ": " + describe(job);
}

}  // namespace filed
