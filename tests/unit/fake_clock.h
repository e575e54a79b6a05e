// A clock that stands still until the test moves it.
#pragma once

#include "base/clock.h"

class FakeClock final : public filed::Clock {
 public:
  int64_t wall_ns() const override { return wall; }
  int64_t mono_ns() const override { return mono; }

  // Lets time pass, for both clocks.
  void advance_ms(int64_t ms) {
    wall += ms * filed::kNsPerMs;
    mono += ms * filed::kNsPerMs;
  }

  int64_t wall = 1'700'000'000 * filed::kNsPerSec;
  int64_t mono = 1000 * filed::kNsPerSec;
};
