// Which lines about jobs are written to filed's log: of each owner so many a minute. The others are
// counted, and at the end of the minute one line tells how many there were. So nobody fills the log
// or hides a line of another's job in it. The limit does not hold for root.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/clock.h"
#include "base/log.h"
#include "queue/deadlines.h"

namespace filed {

class OwnerLog {
 public:
  static constexpr int kMaxLines = 10'000;
  static constexpr int64_t kMinuteNs = 60 * kNsPerSec;

  explicit OwnerLog(const Clock& clock) : clock_(clock) {}
  // Tells what is left to tell.
  ~OwnerLog() { run_deadlines(INT64_MAX); }
  OwnerLog(const OwnerLog&) = delete;
  OwnerLog& operator=(const OwnerLog&) = delete;

  // True if a line about a job of this owner is to be written. To be asked once a line.
  bool admits(uid_t owner, LogLevel level = LogLevel::kInfo);

  // Tells of the lines that were left out in minutes that are over, monotonic.
  void run_deadlines(int64_t now_ns);
  std::optional<int64_t> next_deadline_ns() const { return ends_.next(); }

 private:
  struct Minute {
    int64_t since_ns = 0;
    int lines = 0;
    int64_t left_out = 0;
  };

  const Clock& clock_;
  std::unordered_map<uid_t, Minute> owners_;  // each since the start
  Deadlines ends_;                            // of the minutes in which lines were left out
};

}  // namespace filed
