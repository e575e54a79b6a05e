#include "queue/gathering.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace filed {
namespace {

// A writer that wrote within this time will probably close soon.
constexpr int64_t kRecentNs = kNsPerMs;
// A commit waits at most this long for more receipts, and this long for the next request.
constexpr int64_t kGatherNs = 3 * kNsPerMs;
constexpr int64_t kPauseNs = 200'000;

}  // namespace

void Gathering::written(int64_t ino, uid_t uid, int64_t now_ns) {
  if (!trusted_.contains(uid)) return;
  Written& upload = uploads_[ino];
  upload.uid = uid;
  if (!upload.waited) recent_.set(key(ino), now_ns + kRecentNs);
}

void Gathering::receipt(int64_t ino, uid_t uid) {
  ++receipts_;
  trusted_.insert(uid);
  users_.insert(uid);
  recent_.clear(key(ino));
}

void Gathering::forget(int64_t ino) {
  uploads_.erase(ino);
  recent_.clear(key(ino));
}

// This turn has waited for the upload in vain.
void Gathering::give_up(int64_t ino) {
  Written& upload = uploads_.at(ino);
  upload.waited = true;
  if (!users_.contains(upload.uid)) trusted_.erase(upload.uid);
}

std::optional<int64_t> Gathering::until_ns(int64_t now_ns) {
  if (receipts_ == 0) return std::nullopt;
  while (std::optional<Deadlines::Key> ino = recent_.take(now_ns)) {
    if (since_ns_) give_up(static_cast<int64_t>(*ino));
  }
  if (receipts_ >= last_receipts_ && recent_.size() == 0) return std::nullopt;
  if (!since_ns_) since_ns_ = now_ns;
  int64_t until_ns = *since_ns_ + kGatherNs;
  if (now_ns >= until_ns) return std::nullopt;
  return std::min(until_ns, now_ns + kPauseNs);
}

void Gathering::end_turn() {
  if (std::exchange(since_ns_, std::nullopt)) {
    while (std::optional<Deadlines::Key> ino = recent_.take(INT64_MAX)) {
      give_up(static_cast<int64_t>(*ino));
    }
  }
  if (receipts_ > 0) last_receipts_ = std::exchange(receipts_, 0);
  users_.clear();
}

}  // namespace filed
