#include "queue/waiting_count.h"

#include <algorithm>
#include <vector>

namespace filed {
namespace {

// Jobs that one piece counts or passes. It takes less than a millisecond.
constexpr size_t kPiece = 1000;
// A clock that is set back by less than this leaves the count as it is.
constexpr int64_t kSmallStepNs = kNsPerSec;

}  // namespace

void WaitingCount::begin(std::span<const uid_t> owners, int64_t now_ns) {
  begun_ = true;
  for (uid_t uid : owners) owner(uid, now_ns);
  restart(now_ns);
}

// Counts all that it knows of again.
void WaitingCount::restart(int64_t now_ns) {
  by_next_.clear();
  count_ = 0;
  latest_ns_ = now_ns;
  for (auto& [uid, owner] : owners_) {
    owner = {{now_ns, INT64_MAX}, {now_ns, INT64_MAX}};
    uncounted_.insert(uid);
  }
}

// An owner that was not known had no job.
WaitingCount::Owner& WaitingCount::owner(uid_t uid, int64_t now_ns) {
  auto [found, is_new] = owners_.try_emplace(uid);
  if (is_new) found->second = {{now_ns, INT64_MAX}, kEnd};
  return found->second;
}

void WaitingCount::set_next(uid_t uid, Owner& owner, int64_t next_ns) {
  if (owner.next_ns == next_ns) return;
  if (owner.next_ns != INT64_MAX) by_next_.erase({owner.next_ns, uid});
  if (next_ns != INT64_MAX) by_next_.emplace(next_ns, uid);
  owner.next_ns = next_ns;
}

void WaitingCount::note(std::span<const Store::ClaimableChange> changes, int64_t now_ns) {
  if (!begun_) return;
  for (const Store::ClaimableChange& change : changes) {
    Owner& of = owner(change.uid, now_ns);
    // Nothing stands between the horizon and now, so it moves for free. So a job that is due at once
    // is never counted.
    if (of.next_ns > now_ns && of.horizon.mtime_ns < now_ns) {
      of.horizon = {now_ns, INT64_MAX};
      of.counted_to = std::max(of.counted_to, of.horizon);
    }
    if (change.key <= of.horizon || change.key > of.counted_to) continue;
    of.count += change.by;
    count_ += change.by;
    if (change.by > 0) set_next(change.uid, of, std::min(of.next_ns, change.key.mtime_ns));
    if (of.count == 0) set_next(change.uid, of, INT64_MAX);
  }
}

bool WaitingCount::advance(const StoreReader& store, int64_t now_ns) {
  if (!begun_) return false;
  if (now_ns < latest_ns_ - kSmallStepNs) restart(now_ns);
  latest_ns_ = std::max(latest_ns_, now_ns);
  if (!by_next_.empty() && by_next_.begin()->first <= now_ns) {
    uid_t uid = by_next_.begin()->second;
    pass_due(store, uid, owners_.at(uid), now_ns);
  } else if (!uncounted_.empty()) {
    uid_t uid = *uncounted_.begin();
    count_more(store, uid, owners_.at(uid));
  }
  return !uncounted_.empty() || (!by_next_.empty() && by_next_.begin()->first <= now_ns);
}

// Moves the horizon over jobs that have become due.
void WaitingCount::pass_due(const StoreReader& store, uid_t uid, Owner& owner, int64_t now_ns) {
  std::vector<DueKey> keys;
  // What cannot be read is not counted any more.
  bool read = store.claimable_keys(uid, owner.horizon, kPiece, keys) == 0;
  for (const DueKey& key : keys) {
    if (key > owner.counted_to) break;
    if (key.mtime_ns > now_ns) return set_next(uid, owner, key.mtime_ns);
    owner.horizon = key;
    --owner.count;
    --count_;
  }
  if (read && keys.size() == kPiece && keys.back() <= owner.counted_to) return;
  // Nothing that is counted stands behind the horizon.
  count_ -= std::exchange(owner.count, 0);
  set_next(uid, owner, INT64_MAX);
}

// Counts jobs behind those that are counted.
void WaitingCount::count_more(const StoreReader& store, uid_t uid, Owner& owner) {
  std::vector<DueKey> keys;
  bool read = store.claimable_keys(uid, owner.counted_to, kPiece, keys) == 0;
  owner.count += static_cast<int64_t>(keys.size());
  count_ += static_cast<int64_t>(keys.size());
  if (!keys.empty()) set_next(uid, owner, std::min(owner.next_ns, keys.front().mtime_ns));
  if (read && keys.size() == kPiece) {
    owner.counted_to = keys.back();
  } else {
    owner.counted_to = kEnd;
    uncounted_.erase(uid);
  }
}

std::optional<int64_t> WaitingCount::next_ns() const {
  if (by_next_.empty()) return std::nullopt;
  return by_next_.begin()->first;
}

}  // namespace filed
