#include "queue/due_owners.h"

#include <vector>

namespace filed {

int DueOwners::begin(const StoreReader& store, std::span<const uid_t> owners) {
  for (uid_t uid : owners) {
    std::vector<DueKey> first;
    if (int error = store.claimable_keys(uid, {INT64_MIN, INT64_MIN}, 1, first)) return error;
    if (!first.empty()) add(uid, first.front().mtime_ns);
  }
  return 0;
}

void DueOwners::add(uid_t uid, int64_t mtime_ns) {
  if (mtime_ns < 0) add_urgent(uid, mtime_ns);
  if (shares_.is_due(uid)) return;
  if (!waiting_.has(uid) || waiting_.at(uid) > mtime_ns) waiting_.set(uid, mtime_ns);
}

void DueOwners::note(std::span<const Store::ClaimableChange> changes) {
  for (const Store::ClaimableChange& change : changes) {
    if (change.by > 0) add(change.uid, change.key.mtime_ns);
  }
}

void DueOwners::note_rollback(std::span<const Store::ClaimableChange> changes) {
  for (const Store::ClaimableChange& change : changes) add(change.uid, change.key.mtime_ns);
}

void DueOwners::look_again(uid_t uid) {
  waiting_.clear(uid);
  shares_.set_due(uid, true);
}

void DueOwners::set_next(uid_t uid, std::optional<int64_t> next_ns) {
  shares_.set_due(uid, false);
  if (next_ns) {
    waiting_.set(uid, *next_ns);
  } else {
    waiting_.clear(uid);
  }
}

void DueOwners::take_due(int64_t now_ns) {
  while (std::optional<Deadlines::Key> uid = waiting_.take(now_ns)) {
    shares_.set_due(static_cast<uid_t>(*uid), true);
  }
}

std::optional<DueOwners::Urgent> DueOwners::take_urgent() {
  std::optional<int64_t> mtime_ns = urgent_.next();
  std::optional<Deadlines::Key> uid = urgent_.take(-1);
  if (!uid) return std::nullopt;
  return Urgent{static_cast<uid_t>(*uid), *mtime_ns};
}

void DueOwners::add_urgent(uid_t uid, int64_t mtime_ns) {
  if (!urgent_.has(uid) || urgent_.at(uid) > mtime_ns) urgent_.set(uid, mtime_ns);
}

void DueOwners::block(const Job& job, bool parked) {
  unblock_id(job.ino);
  blocked_ids_[job.id] = job.ino;
  blocked_[job.ino] = {job.uid, job.mtime_ns, job.id, parked};
}

// Forgets the id that a blocked job had when it was passed over.
void DueOwners::unblock_id(int64_t ino) {
  auto blocked = blocked_.find(ino);
  if (blocked == blocked_.end()) return;
  auto id = blocked_ids_.find(blocked->second.id);
  if (id != blocked_ids_.end() && id->second == ino) blocked_ids_.erase(id);
}

bool DueOwners::unblock(int64_t ino) {
  unblock_id(ino);
  auto blocked = blocked_.extract(ino);
  if (blocked.empty()) return false;
  const Blocked& job = blocked.mapped();
  look_again(job.uid);
  if (job.mtime_ns < 0) add_urgent(job.uid, job.mtime_ns);
  return job.parked;
}

std::optional<int64_t> DueOwners::blocked_by_id(const std::string& id) const {
  auto found = blocked_ids_.find(id);
  if (found == blocked_ids_.end()) return std::nullopt;
  return found->second;
}

}  // namespace filed
