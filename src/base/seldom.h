// For lines of the log that would repeat: true at most once a minute.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace filed {

class Seldom {
 public:
  bool is_due() {
    int64_t now_ns = SystemClock().mono_ns();
    if (last_ns_ && now_ns - *last_ns_ < kPauseNs) return false;
    last_ns_ = now_ns;
    return true;
  }

 private:
  static constexpr int64_t kPauseNs = 60 * kNsPerSec;

  std::optional<int64_t> last_ns_;
};

}  // namespace filed
