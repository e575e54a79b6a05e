// The two clocks that filed reads. Due times, also those of retries, are wall time, because people
// set them with touch(1). Timeouts are monotonic, so that a step of the clock does not change them.
#pragma once

#include <cstdint>
#include <ctime>

namespace filed {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSec = 1'000'000'000;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t wall_ns() const = 0;  // since the epoch
  virtual int64_t mono_ns() const = 0;  // since some fixed moment
};

class SystemClock final : public Clock {
 public:
  int64_t wall_ns() const override { return read(CLOCK_REALTIME); }
  int64_t mono_ns() const override { return read(CLOCK_MONOTONIC); }

 private:
  static int64_t read(clockid_t id) {
    timespec ts{};
    clock_gettime(id, &ts);
    return int64_t{ts.tv_sec} * kNsPerSec + ts.tv_nsec;
  }
};

// The same moment in the kernel's form; correct for times before the epoch too.
inline timespec to_timespec(int64_t ns) {
  int64_t sec = ns / kNsPerSec;
  int64_t rest = ns % kNsPerSec;
  if (rest < 0) {
    rest += kNsPerSec;
    --sec;
  }
  return {static_cast<time_t>(sec), static_cast<long>(rest)};
}

// Times before 1677 or after 2262 become the least or the largest value.
inline int64_t from_timespec(const timespec& ts) {
  int64_t ns = 0;
  if (__builtin_mul_overflow(int64_t{ts.tv_sec}, kNsPerSec, &ns) ||
      __builtin_add_overflow(ns, int64_t{ts.tv_nsec}, &ns)) {
    return ts.tv_sec < 0 ? INT64_MIN : INT64_MAX;
  }
  return ns;
}

}  // namespace filed
