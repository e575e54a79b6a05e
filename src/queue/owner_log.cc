#include "queue/owner_log.h"

#include <utility>

namespace filed {

bool OwnerLog::admits(uid_t owner, LogLevel level) {
  if (!log_shows(level)) return false;
  if (owner == 0) return true;
  int64_t now_ns = clock_.mono_ns();
  Minute& minute = owners_[owner];
  if (minute.lines == 0 || now_ns - minute.since_ns >= kMinuteNs) {
    minute.since_ns = now_ns;
    minute.lines = 0;
  }
  if (++minute.lines <= kMaxLines) return true;
  minute.lines = kMaxLines;
  ++minute.left_out;
  if (!ends_.has(owner)) ends_.set(owner, minute.since_ns + kMinuteNs);
  return false;
}

void OwnerLog::run_deadlines(int64_t now_ns) {
  while (std::optional<Deadlines::Key> owner = ends_.take(now_ns)) {
    auto uid = static_cast<uid_t>(*owner);
    int64_t lines = std::exchange(owners_[uid].left_out, 0);
    log_warning("%lld %s about jobs of owner %u left out", static_cast<long long>(lines),
                lines == 1 ? "line" : "lines", static_cast<unsigned>(uid));
  }
}

}  // namespace filed
