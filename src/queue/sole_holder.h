// Notices that one owner has held all workers for a minute while jobs of others wait.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.h"

namespace filed {

class SoleHolder {
 public:
  static constexpr int64_t kPatienceNs = 60 * kNsPerSec;

  // What a turn has found, at this monotonic time: the owner that holds all workers, if there is
  // one and others seem to wait. `others_wait` is called once a minute at most: whether they do.
  // Logs when it is told, and when it is over.
  void look(std::optional<uid_t> holder, int64_t now_ns, const std::function<bool()>& others_wait);

  // The owner, once the minute is over.
  std::optional<uid_t> told() const { return told_ ? holder_ : std::nullopt; }
  // When look() is to be called again, monotonic.
  std::optional<int64_t> next_look_ns() const { return next_look_ns_; }

 private:
  void end();

  std::optional<uid_t> holder_;
  std::optional<int64_t> next_look_ns_;
  bool told_ = false;
};

}  // namespace filed
