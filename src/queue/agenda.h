// Notes for the next turns of the daemon: whether to look for due jobs, when to try again what
// failed, when the next job falls due, and whether filed stops. The parts of the queue write here;
// the scheduler and the event loop read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace filed {

// Time until a step that failed for lack of disk, memory or processes is tried again.
constexpr int64_t kRetryDelayNs = kNsPerSec;

struct Agenda {
  bool rescan_needed = true;            // something may have become due: look at the store
  std::optional<int64_t> retry_ns;      // monotonic: when what failed is tried again
  std::optional<int64_t> next_wall_ns;  // wall: when the next job falls due or expires
  bool stopping = false;                // filed is to exit: nothing starts any more
  // Jobs that may have been passed over because they were open for writing, about to be renamed, or
  // had an attempt under way, and are not any more. Of an attempt also the id, because another job
  // may have got it.
  std::vector<int64_t> unblocked;
  std::vector<std::string> unblocked_ids;
};

// True if there is a deadline and it has come.
inline bool reached(std::optional<int64_t> deadline_ns, int64_t now_ns) {
  return deadline_ns && *deadline_ns <= now_ns;
}

// The earlier of two deadlines, of which either may be missing.
inline std::optional<int64_t> earlier(std::optional<int64_t> a, std::optional<int64_t> b) {
  if (!a || !b) return a ? a : b;
  return *a < *b ? a : b;
}

}  // namespace filed
