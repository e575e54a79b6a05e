// How many attempts have started and how they have ended, since the daemon's start.
#pragma once

#include <cstdint>

namespace filed {

struct Totals {
  int64_t started = 0;
  int64_t succeeded = 0;
  int64_t retried = 0;
  int64_t failed = 0;
  int64_t killed = 0;
};

}  // namespace filed
