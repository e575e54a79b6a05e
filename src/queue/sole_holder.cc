#include "queue/sole_holder.h"

#include "base/log.h"
#include "queue/agenda.h"

namespace filed {

void SoleHolder::look(std::optional<uid_t> holder, int64_t now_ns,
                      const std::function<bool()>& others_wait) {
  if (holder_ && holder != holder_) end();
  if (!holder) return;
  if (!holder_) {
    holder_ = holder;
    next_look_ns_ = now_ns + kPatienceNs;
  }
  if (!reached(next_look_ns_, now_ns)) return;
  if (!others_wait()) return end();
  next_look_ns_ = now_ns + kPatienceNs;
  if (told_) return;
  told_ = true;
  log_warning(
      "owner %u has held all workers for a minute while jobs of others wait: "
      "see user_workers in filed.conf(5)",
      static_cast<unsigned>(*holder_));
}

void SoleHolder::end() {
  if (told_) {
    log_info("owner %u does not hold all workers any more, or no others wait",
             static_cast<unsigned>(*holder_));
  }
  *this = {};
}

}  // namespace filed
