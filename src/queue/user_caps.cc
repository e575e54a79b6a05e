#include "queue/user_caps.h"

#include <algorithm>
#include <cerrno>

namespace filed {
namespace {

// A cap of 0 is none.
bool holds(int64_t cap, uid_t uid) { return cap > 0 && uid != 0; }

}  // namespace

UserCaps::Unstored UserCaps::unstored(uid_t uid) const {
  auto found = of_.find(uid);
  return found == of_.end() ? Unstored{} : found->second;
}

int64_t UserCaps::bytes_of(uid_t uid) const {
  Counts counts = core_.store.owners().of(uid);
  Unstored more = unstored(uid);
  return counts.bytes + more.bytes + (counts.total() + more.new_jobs) * kRowBytes;
}

int UserCaps::check_job(uid_t uid, int64_t bytes) const {
  int64_t cap = core_.settings().user_jobs;
  if (holds(cap, uid)) {
    int64_t jobs = core_.store.owners().of(uid).total() + unstored(uid).new_jobs;
    if (jobs >= cap) return EDQUOT;
  }
  return check_bytes(uid, bytes + kRowBytes);
}

int UserCaps::check_bytes(uid_t uid, int64_t bytes) const {
  return bytes > 0 && bytes > room(uid) ? EDQUOT : 0;
}

int UserCaps::check_open(uid_t uid) const {
  int64_t cap = core_.settings().user_open;
  return holds(cap, uid) && unstored(uid).open >= cap ? EDQUOT : 0;
}

int64_t UserCaps::room(uid_t uid) const {
  int64_t cap = core_.settings().user_bytes;
  return holds(cap, uid) ? std::max<int64_t>(cap - bytes_of(uid), 0) : INT64_MAX;
}

}  // namespace filed
