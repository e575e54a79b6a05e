#include "queue/user_quota.h"

#include <algorithm>
#include <cerrno>

namespace filed {

int UserQuota::charge(uid_t uid, int64_t bytes, int64_t files, int64_t limit) {
  auto found = used_.find(uid);
  Usage usage = found == used_.end() ? Usage{} : found->second;
  usage.bytes += bytes;
  usage.files += files;
  if (bytes > 0 && usage.bytes > limit) return EDQUOT;
  if (files > 0 && usage.files > std::max(limit / kBytesPerFile, kMinFiles)) return EDQUOT;
  used_[uid] = usage;
  return 0;
}

void UserQuota::refund(uid_t uid, int64_t bytes, int64_t files) {
  auto found = used_.find(uid);
  if (found == used_.end()) return;
  found->second.bytes -= bytes;
  found->second.files -= files;
  if (found->second.bytes <= 0 && found->second.files <= 0) used_.erase(found);
}

}  // namespace filed
