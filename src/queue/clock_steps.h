// Keeps steps of the wall clock out of the time for which ended jobs are kept. A machine without a
// clock of its own boots in 1970. When the clock is set, what ended a minute ago seems to be decades
// old.
//
// A step is seen as a difference between the wall clock and the monotonic one. Jobs that ended before
// a step forward are kept longer by that step, as long as this filed lives. The monotonic clock
// stands still while the machine is suspended, so this time counts as a step, too.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace filed {

class ClockSteps {
 public:
  // Smaller ones are left to slow corrections of the clock.
  static constexpr int64_t kMinStepNs = 60 * kNsPerSec;

  // Looks for a step since the last call.
  void look(const Clock& clock);

  // The sum of the steps since that wall time, in ns.
  int64_t since(int64_t wall_ns) const;

 private:
  struct Step {
    int64_t from_ns;  // wall time just before it
    int64_t size_ns;
  };
  // More are counted with the last one.
  static constexpr size_t kMaxSteps = 64;

  std::optional<int64_t> offset_ns_;  // of the wall clock to the monotonic one; empty: no look yet
  std::vector<Step> steps_;
};

}  // namespace filed
