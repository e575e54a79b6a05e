#include "queue/clock_steps.h"

#include "base/log.h"

namespace filed {

void ClockSteps::look(const Clock& clock) {
  int64_t wall_ns = clock.wall_ns();
  int64_t offset_ns = wall_ns - clock.mono_ns();
  int64_t size_ns = offset_ns - offset_ns_.value_or(offset_ns);
  offset_ns_ = offset_ns;
  if (size_ns < kMinStepNs) return;
  log_info("the clock was set forward by %lld s: ended jobs are kept as much longer",
           static_cast<long long>(size_ns / kNsPerSec));
  if (steps_.size() < kMaxSteps) {
    steps_.push_back({wall_ns - size_ns, size_ns});
  } else {
    steps_.back().from_ns = wall_ns - size_ns;
    steps_.back().size_ns += size_ns;
  }
}

int64_t ClockSteps::since(int64_t wall_ns) const {
  int64_t sum_ns = 0;
  for (const Step& step : steps_) {
    if (wall_ns <= step.from_ns) sum_ns += step.size_ns;
  }
  return sum_ns;
}

}  // namespace filed
